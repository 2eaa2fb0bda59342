"""A disposable Debian machine, made from this one: what is done in it as root never reaches the real machine.

Its file system is an overlay over this machine's, so that `useradd`, /etc/ssh/sshd_config.d, /opt and /var/lib are
real and yet gone with the lab. Its mounts, processes, network and name are its own, with a link to this machine, and
an engine of its own runs in it, so that firewall rules, published addresses and port 22 are real too. Commands enter
it with nsenter. Everything is one tree of processes that ends with its first; mounts and rules end with it.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from tools import debian, engine, networks, processes, remote_hosts, sshd
from tools.debian import SYSTEM_PATH, SetupError
from tools.engine import Engine
from tools.lab import Lab, base
from tools.remote_hosts import Plan
from tools.sshd import Sshd

ROOT = Path(__file__).resolve().parent.parent
VENV = "/opt/srctl/venv"
LIBRARIES = "/opt/srctl/lab-libraries"
DEVICES = "null zero full random urandom tty"
CLEAN = "/opt/srctl /etc/srctl /var/lib/srctl"
START = """
mount -t overlay machine -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount --bind "$1/run" run
mount -t tmpfs -o mode=1777 tmp tmp
mount -t proc proc proc
mount -t sysfs sys sys
[ ! -d /sys/fs/cgroup ] || mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount -t tmpfs -o mode=755 dev dev
for each in $DEVICES; do : >"dev/$each"; mount --bind "/dev/$each" "dev/$each"; done
mkdir -m 1777 dev/shm
mkdir dev/pts
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mkdir -p var/lib/docker
mount --bind "$1/docker" var/lib/docker
rm -rf $(for each in $CLEAN; do echo "$1/root$each"; done)
mkdir -p "$1/root$LIBRARIES"
mount --bind -o ro "$2" "$1/root$LIBRARIES"
mount -t tmpfs -o mode=700 lab "$1/root$3"
hostname "$4"
pivot_root . mnt
exec chroot . sh -ec 'umount -l /mnt
  : >/run/lab-ready
  sleep infinity &
  while :; do wait || :; done'
"""
AS_ACCOUNT = 'name="$1"; shift; exec setpriv --reuid="$name" --regid="$(id -g "$name")" --init-groups -- "$@"'
WRITE = 'mkdir -p "$(dirname "$1")"; cat >"$1"; chmod "$2" "$1"'


@dataclass(frozen=True)
class Machine:
    """A running machine; `folder` is where its parts lie on this one, `pid` its first process as seen from here."""

    folder: Path
    address: str
    pid: int
    mark: str

    @property
    def engine(self) -> Engine:
        """The engine that runs in it, reached past SSH; there is none before `start_engine`."""
        return Engine(f"unix://{self.folder}/run/docker.sock", private=True)

    @property
    def sshd(self) -> Sshd:
        """Its SSH server as the account `srctl` reaches it; `identity` is a key that nobody has let in yet."""
        return Sshd(self.folder / "sshd", self.address, 22, "srctl")

    def path(self, inside: str) -> Path:
        """Return a path of the machine as this one reaches it; beware of absolute links on the way."""
        return Path(f"/proc/{self.pid}/root") / inside.lstrip("/")

    def command(self, *command: str, user: str | None = None) -> list[str]:
        """Return the command line that runs a command in the machine, as root or as an account of the machine's."""
        identity = ["sh", "-ec", AS_ACCOUNT, "sh", user] if user else []
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--net", "--uts"]
        clean = ["env", "--ignore-environment", f"PATH={SYSTEM_PATH}", "LANG=C.UTF-8", f"{processes.MARK}={self.mark}"]
        return [*enter, *clean, *identity, *command]

    def run(
        self, *command: str, user: str | None = None, stdin: str | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the machine to its end, whatever comes of it."""
        return subprocess.run(
            self.command(*command, user=user),
            stdin=subprocess.DEVNULL if stdin is None else None,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def ok(self, *command: str, user: str | None = None, stdin: str | None = None) -> str:
        """Run a command that must succeed, and return what it printed."""
        done = self.run(*command, user=user, stdin=stdin)
        if done.returncode != 0:
            raise SetupError(f"{' '.join(command)} in the machine: {done.stdout}{done.stderr}")
        return done.stdout

    def srctl(
        self, *arguments: str, user: str | None = None, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the machine's srctl, which is a copy of ours in an environment that root owns."""
        return self.run(f"{VENV}/bin/srctl", *arguments, user=user, stdin=stdin)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of root's in the machine, with its folders."""
        self.ok("sh", "-ec", WRITE, "sh", path, f"{mode:o}", stdin=text)

    def changes(self) -> frozenset[str]:
        """Return every path that differs from this machine's: made, changed or removed; nothing of /run and /tmp."""
        upper = self.folder / "upper"
        return frozenset(f"/{path.relative_to(upper)}" for path in upper.rglob("*"))

    def start_sshd(self, *options: str) -> Sshd:
        """Start the machine's own SSH server, on port 22, with its own configuration.

        The people of a test share an address, which newer servers would keep out for the logins that have to fail.
        """
        log = self.folder / "run" / "sshd.log"
        log.unlink(missing_ok=True)
        if self.run("/usr/sbin/sshd", "-t", "-o", "PerSourcePenalties=no").returncode == 0:
            options = ("-o", "PerSourcePenalties=no", *options)
        self.ok("/usr/sbin/sshd", "-E", "/run/sshd.log", "-o", "LogLevel=VERBOSE", *options)
        self._wait_for_sshd(1)
        return self.sshd

    def reload_sshd(self) -> None:
        """Let the SSH server read its configuration again, and wait until it listens."""
        before = self._listening()
        self.ok("sh", "-ec", f"kill -{signal.SIGHUP.value} $(cat /run/sshd.pid)")
        self._wait_for_sshd(before + 1)

    def stop_sshd(self) -> None:
        """End the SSH server; logins that stand go on."""
        self.ok("sh", "-ec", "kill $(cat /run/sshd.pid); while [ -e /run/sshd.pid ]; do sleep 0.01; done")

    def start_engine(self) -> Engine:
        """Start the engine, or start it again, and wait until it answers."""
        start = f"dockerd --cgroup-parent=/{self.mark} --ip-forward=false >>/run/docker.log 2>&1 &"
        self.ok("sh", "-ec", start)
        try:
            processes.wait_until(Path(self.engine.socket).exists, "The machine's engine")
            with self.engine.client() as client:
                client.ping()
        except Exception as error:
            raise SetupError(f"{error}\n{(self.folder / 'run' / 'docker.log').read_text()[-3000:]}") from error
        return self.engine

    def stop_engine(self) -> None:
        """End the engine, with its containers."""
        self.ok("sh", "-ec", "kill $(cat /run/docker.pid); while [ -e /run/docker.pid ]; do sleep 0.05; done")

    def _listening(self) -> int:
        return self.sshd.log.count("Server listening on 0.0.0.0")

    def _wait_for_sshd(self, times: int) -> None:
        try:
            processes.wait_until(lambda: self._listening() >= times, "sshd of the machine")
        except SetupError as error:
            raise SetupError(f"{error}\n{self.sshd.log}") from error


@contextlib.contextmanager
def machine(lab: Lab, name: str = "machine", *, with_engine: bool = False) -> Iterator[Machine]:
    """Start a machine as Debian ships it, with srctl in /opt/srctl/venv, sshd not started, and nothing of a gateway.

    The machine's host name is `name`; it is also the folder's, so each of a run needs its own.
    """
    engine.need_root("A disposable machine")
    debian.ensure(debian.LAB)
    made, process = launch(lab, name)
    try:
        clean(made)
        install_srctl(made)
        if with_engine:
            made.start_engine()
        yield made
    finally:
        if (made.folder / "run" / "docker.pid").exists():
            with contextlib.suppress(Exception), made.engine.client() as client:
                engine.empty(client)
        processes.kill([made.pid])
        process.wait()  # which it does once every process of the machine is gone
        subprocess.run(["ip", "netns", "delete", f"{lab.id}-{name}"], capture_output=True, check=False)


def launch(lab: Lab, name: str) -> tuple[Machine, subprocess.Popen[bytes]]:
    """Start the machine's first process, and wait until its file system stands; the other process waits for it."""
    folder = lab.make(name)
    for part in ("upper", "work", "root", "run/sshd", "docker"):
        (folder / part).mkdir(parents=True, mode=0o755)
    address = remote_hosts.connect(lab, Plan(name), None, subnet(lab))
    words = {"DEVICES": DEVICES, "CLEAN": CLEAN, "LIBRARIES": LIBRARIES}
    command = [
        *("env", *(f"{key}={value}" for key, value in words.items())),
        *("nsenter", f"--net=/run/netns/{lab.id}-{name}"),
        *("unshare", "--mount", "--uts", "--pid", "--ipc", "--fork", "--kill-child", "--propagation=private"),
        *("sh", "-ec", START, "sh", str(folder), sysconfig.get_path("purelib"), str(base()), name),
    ]
    process = processes.start(command, folder / "output", lab.id, on_death="KILL")
    try:
        processes.wait_until((folder / "run" / "lab-ready").exists, f"The machine {name}", process)
    except SetupError as error:
        raise SetupError(f"{error}\n{(folder / 'output').read_text()}") from error
    (pid, *_) = processes.descendants(process.pid)
    return Machine(folder, str(address), pid, lab.id), process


def subnet(lab: Lab) -> IPv4Network:
    """Return a network for the link to the newest machine; all machines of a run share one pool."""
    note = lab.folder / "pool-of-machines"
    if not note.exists():
        note.write_text(str(networks.claim(lab.folder, closed=True)))
    number = sum((each / "upper").exists() for each in lab.folder.iterdir())
    return list(IPv4Network(note.read_text()).subnets(new_prefix=30))[number]


def clean(machine: Machine) -> None:
    """Make the machine one that has Debian's SSH configuration, host keys of its own, and no srctl account."""
    made = machine.folder / "sshd"
    made.mkdir()
    sshd.make_keys(made)
    sshd.write_known_hosts(made, machine.address)
    (made / "log").symlink_to(machine.folder / "run" / "sshd.log")
    machine.ok("sh", "-c", "rm -rf /etc/ssh/ssh_host_* /etc/ssh/sshd_config.d/*")
    machine.ok("sh", "-c", "! id srctl 2>/dev/null || userdel srctl")
    machine.write("/etc/ssh/ssh_host_ed25519_key", (made / "host_key").read_text(), 0o600)
    machine.ok("cp", "/usr/share/openssh/sshd_config", "/etc/ssh/sshd_config")
    machine.ok("sh", "-c", "getent group docker >/dev/null || groupadd --system docker")


def install_srctl(machine: Machine) -> None:
    """Copy srctl as it stands here into an environment of the machine's; the libraries are ours, read-only."""
    machine.ok(interpreter(), "-m", "venv", "--without-pip", VENV)
    packages = f"{VENV}/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "srctl", machine.path(f"{packages}/srctl"), ignore=ignored)
    machine.ok("sh", "-c", f"chown -R root:root {packages} && chmod -R go-w {packages}")
    machine.write(f"{packages}/lab.pth", f"{LIBRARIES}\n")
    start = "import sys\n\nfrom srctl.__main__ import run\n\nsys.exit(run())\n"
    machine.write(f"{VENV}/bin/srctl", f"#!{VENV}/bin/python -I\n{start}", 0o755)
    machine.ok(f"{VENV}/bin/python", "-m", "compileall", "-q", "-j0", packages)


def interpreter() -> str:
    """Return a Python of the system's with our version, which every account may run; else the one that we run on."""
    wanted = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return shutil.which(wanted, path="/usr/bin:/usr/local/bin") or str(Path(sys.executable).resolve())
