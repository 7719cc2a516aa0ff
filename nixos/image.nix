# What makes a role an image for Exoscale: disk, boot, network, and settings from the instance's user-data. It needs no
# login, and what it keeps over a reboot are measurements, not settings.
#
# Import it into a configuration of one role; the image is `config.system.build.images.exoscale`.
{
  config,
  lib,
  modulesPath,
  ...
}:

let
  instance = config.services.instance-data;
in
{
  imports = [
    "${modulesPath}/profiles/minimal.nix"
    "${modulesPath}/profiles/headless.nix"
    "${modulesPath}/profiles/qemu-guest.nix"
    ./instance-data.nix
  ];

  image.modules.exoscale =
    {
      config,
      lib,
      pkgs,
      modulesPath,
      ...
    }:
    {
      imports = [
        "${modulesPath}/image/file-options.nix"
        "${modulesPath}/virtualisation/disk-size-option.nix"
      ];

      # `result/slow-app.qcow2`: a name that Terraform can count on.
      image.baseName = config.system.name;
      image.extension = "qcow2";
      # The smallest disk of an Exoscale instance, and the smallest template it takes. Compressed, the file is small.
      virtualisation.diskSize = 10 * 1024;

      system.build.image = import "${modulesPath}/../lib/make-disk-image.nix" {
        inherit config lib pkgs;
        inherit (config.image) baseName;
        inherit (config.virtualisation) diskSize;
        name = "${config.system.name}-image";
        format = "qcow2-compressed";
        # GPT with both a BIOS boot partition and an ESP: the template may be registered as `legacy` or as `uefi`.
        partitionTableType = "hybrid";
        # The sources of nixpkgs, of no use where nothing is built.
        copyChannel = false;
      };
    };

  fileSystems = {
    "/" = {
      device = "/dev/disk/by-label/nixos";
      fsType = "ext4";
      autoResize = true;
    };
    "/boot" = {
      device = "/dev/disk/by-label/ESP";
      fsType = "vfat";
      options = [ "umask=0077" ];
    };
  };

  boot = {
    bcache.enable = false;
    enableContainers = false;
    growPartition = true;
    kernelParams = [
      "console=tty0"
      "console=ttyS0,115200"
    ];
    loader = {
      timeout = 0;
      grub = {
        device = "/dev/vda";
        efiSupport = true;
        efiInstallAsRemovable = true;
      };
    };
  };

  networking = {
    useNetworkd = true;
    nftables.enable = true;
    # The name that DHCP gives.
    hostName = lib.mkDefault "";
  };
  # One interface with an address is enough to go on.
  systemd.network.wait-online.anyInterface = true;

  # Nobody logs in, except with a key from the user-data.
  users = {
    mutableUsers = false;
    allowNoPasswordLogin = true;
  };
  security.sudo.enable = false;
  systemd.services.sshd = {
    after = [ "instance-data.service" ];
    unitConfig.ConditionFileNotEmpty = "${instance.folder}/authorized_keys";
  };

  services = {
    instance-data.enable = true;
    openssh = {
      enable = true;
      authorizedKeysFiles = lib.mkForce [ "${instance.folder}/authorized_keys" ];
      settings = {
        PasswordAuthentication = false;
        KbdInteractiveAuthentication = false;
        PermitRootLogin = "prohibit-password";
      };
    };
    # The log is memory's: a full disk cannot come from it.
    journald = {
      storage = "volatile";
      extraConfig = "RuntimeMaxUse=64M";
    };
    lvm.enable = false;
  };

  # Immutable: a new version is a new image.
  nix.enable = false;
  fonts.fontconfig.enable = false;
  programs.nano.enable = false;
  programs.bash.completion.enable = false;
}
