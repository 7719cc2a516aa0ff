# Makes the Debian package's unit of the NixOS module's (nixos/units/autoscaler.service): the rights stay word for word.
s|/nix/store/[^/ ]*/bin/|/usr/bin/|

# The package's own user, whom the file of settings can belong to.
s|^DynamicUser=true$|User=autoscaler|

# Settings are a file in /etc. As a credential it would be a copy, and a reload would not see it change.
s|^Environment="AUTOSCALER_CONFIG=.*|Environment="AUTOSCALER_CONFIG=/etc/autoscaler/agent.toml"|
/^LoadCredential=/d

# There is no service of instance data.
/^Requires=instance-data\.service$/d
s|^After=instance-data\.service |After=|
s|^Description=.*|&\nDocumentation=man:autoscaler(1)|
