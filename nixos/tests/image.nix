# The image itself, as it is uploaded: it boots from BIOS and from UEFI, takes its settings from a metadata service, grows
# to the disk's size, and serves. Nothing is added to it, so the test looks at it from outside.
{
  self,
  lib,
  pkgs,
  ...
}:

let
  image = self.packages.${pkgs.stdenv.hostPlatform.system}.slow-app-image;
  imdsServer = pkgs.writeShellApplication {
    name = "imds";
    text = builtins.readFile ./imds.sh;
  };
  metadata = pkgs.writeTextDir "latest/user-data" (
    builtins.toJSON {
      version = 1;
      role = "slow-app";
      slow_app.work_ms = 20;
    }
  );
in
{
  name = "image";
  nodes = { };

  testScript = ''
    import os
    import subprocess
    import time
    import urllib.error
    import urllib.request

    FIRMWARES = {"bios": "", "uefi": "-bios ${pkgs.OVMF.fd}/FV/OVMF.fd"}
    APPLICATION = 18080


    def disk(name):
        """A disk larger than the image, as an instance has it."""
        path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"{name}.qcow2")
        subprocess.check_call([
            "${lib.getExe' pkgs.qemu "qemu-img"}", "create", "-f", "qcow2", "-F", "qcow2",
            "-b", "${image}/${image.passthru.filePath}", path, "20G",
        ])
        return path


    def get(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{APPLICATION}{path}", timeout=5) as answer:
            return answer.read().decode()


    def wait_until_it_serves():
        deadline = time.monotonic() + 300
        while True:
            try:
                return get("/health")
            except (OSError, urllib.error.URLError):
                assert time.monotonic() < deadline, "it does not serve"
                time.sleep(1)


    for name, firmware in FIRMWARES.items():
        # The wide network is because of DHCP, which gives addresses of the network that the metadata service is in.
        machine = create_machine(
            "${pkgs.qemu}/bin/qemu-kvm -m 1024"
            " -device virtio-net-pci,netdev=net"
            " -netdev 'user,id=net,net=169.0.0.0/8"
            f",hostfwd=tcp:127.0.0.1:{APPLICATION}-:8080"
            ",guestfwd=tcp:169.254.169.254:80-cmd:${lib.getExe imdsServer} ${metadata}'"
            f" -drive file={disk(name)},if=virtio,werror=report {firmware} $QEMU_OPTS",
            name=name,
        )
        with subtest(f"it boots from {name} and serves with the settings of its user-data"):
            machine.start()
            assert wait_until_it_serves() == "OK"
            assert '"asked_ms":20' in get("/"), get("/")
        machine.crash()
  '';
}
