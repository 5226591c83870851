"""Studies and reports through `knowmvg listen` into Orthanc and back, while the node is killed again and again.

    python3 scripts/pacs_check.py target/release/knowmvg

Everything runs on loopback. Called by scripts/pacs-check.sh, which installs what it needs.
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STUDIES = 5
KILLS = 6
# Longest wait for anything.
PATIENCE = 240
CANARY = "CANARYPATIENT"
WORDS = "CANARYWORD. Large mass in the right mid zone. No pneumothorax."


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_for(what, ready, patience=PATIENCE):
    end = time.time() + patience
    while time.time() < end:
        if ready():
            return
        time.sleep(0.2)
    raise SystemExit(f"FAILED: waited {patience} s for {what}")


class Orthanc:
    """An archive that starts empty."""

    def __init__(self, folder, http, dicom):
        self.url = f"http://127.0.0.1:{http}"
        config = {
            "Locale": "C",
            "Name": "check",
            "StorageDirectory": str(folder / "orthanc"),
            "IndexDirectory": str(folder / "orthanc"),
            "Plugins": ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"],
            "HttpPort": http,
            "HttpBindAddresses": ["127.0.0.1"],
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAet": "ORTHANC",
            "DicomPort": dicom,
            "DicomAlwaysAllowEcho": True,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
            "DicomCheckCalledAet": False,
            # A second copy would be stored anew and be seen in the list of changes.
            "OverwriteInstances": True,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        path = folder / "orthanc.json"
        path.write_text(json.dumps(config))
        self.log = open(folder / "orthanc.log", "w")
        self.process = subprocess.Popen(["Orthanc", str(path)], stdout=self.log, stderr=self.log)
        wait_for("Orthanc", self.answers, 60)

    def answers(self):
        try:
            self.get("/system")
            return True
        except (urllib.error.URLError, ConnectionError):
            return False

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)

    def instances(self, modality):
        found = self.get(f"/dicom-web/instances?Modality={modality}&includefield=0020000D&limit=1000")
        return [(item["0020000D"]["Value"][0], item["00080018"]["Value"][0]) for item in found or []]

    def stored(self):
        """How often an object was stored, new or again."""
        changes = self.get("/changes?limit=10000")["Changes"]
        return sum(change["ChangeType"] == "NewInstance" for change in changes)


class Postgres:
    """A server in a folder of its own, which loses its power and comes back."""

    def __init__(self, folder, port):
        self.folder, self.port, self.process = folder, port, None
        bins = [shutil.which("initdb"), *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))]
        self.programs = Path([path for path in bins if path][-1]).parent
        folder.mkdir()
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        initdb = [self.programs / "initdb", "-D", folder / "data", "-U", "knowmvg", "-E", "UTF8", "--no-locale", "-A", "trust"]
        subprocess.run([*self.user(), *initdb], cwd="/", check=True, capture_output=True)

    @staticmethod
    def user():
        """It refuses to run as root."""
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []

    def start(self):
        server = [self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder, "-p", str(self.port)]
        log = open(self.folder.parent / "postgres.log", "a")
        self.process = subprocess.Popen([*self.user(), *server, "-c", "listen_addresses=127.0.0.1"], cwd="/", stdout=log, stderr=log)
        # It listens before it has recovered, and a node that starts meanwhile is refused.
        ready = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        wait_for("PostgreSQL", lambda: subprocess.run(ready).returncode == 0, 60)

    def kill(self):
        """As at a loss of power."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    @staticmethod
    def is_there():
        return shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


class Node:
    """`knowmvg listen`, which is killed and started again."""

    def __init__(self, program, config, log):
        self.command = [program, "listen", str(config)]
        self.log = log
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def status(self):
        answer = subprocess.run([*self.command, "--status", "--json"], capture_output=True, text=True)
        return json.loads(answer.stdout) if answer.returncode == 0 else None


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def study(folder, number):
    """A file of its own study, patient and accession number."""
    path = folder / f"{number}.dcm"
    shutil.copy(ROOT / "samples/rg1.dcm", path)
    tags = {
        "(0010,0010)": f"{CANARY}^{number}",
        "(0010,0020)": f"{CANARY}-{number}",
        "(0008,0050)": f"ACC{number}",
        "(0020,000d)": f"2.25.1000{number}",
        "(0020,000e)": f"2.25.2000{number}",
        "(0008,0018)": f"2.25.3000{number}",
    }
    changes = [part for tag, value in tags.items() for part in ("-i", f"{tag}={value}")]
    subprocess.run(["dcmodify", "-nb", "-ie", *changes, str(path)], check=True, capture_output=True)
    return path


def basic_text_sr(folder, number):
    """A report in words of a study, as a RIS stores it."""
    dump = folder / "report.txt"
    dump.write_text(f"""
(0002,0010) UI =LittleEndianExplicit
(0008,0005) CS [ISO_IR 192]
(0008,0016) UI [1.2.840.10008.5.1.4.1.1.88.11]
(0008,0018) UI [2.25.4000{number}]
(0008,0020) DA [20261125]
(0008,0030) TM [090000]
(0008,0050) SH [ACC{number}]
(0008,0060) CS [SR]
(0010,0010) PN [{CANARY}^{number}]
(0010,0020) LO [{CANARY}-{number}]
(0020,000d) UI [2.25.1000{number}]
(0020,000e) UI [2.25.5000{number}]
(0040,a040) CS [CONTAINER]
(0040,a043) SQ
(fffe,e000) -
(0008,0100) SH [18748-4]
(0008,0102) SH [LN]
(0008,0104) LO [Diagnostic imaging study]
(fffe,e00d) -
(fffe,e0dd) -
(0040,a050) CS [SEPARATE]
(0040,a491) CS [COMPLETE]
(0040,a493) CS [UNVERIFIED]
(0040,a730) SQ
(fffe,e000) -
(0040,a010) CS [CONTAINS]
(0040,a040) CS [TEXT]
(0040,a043) SQ
(fffe,e000) -
(0008,0100) SH [121071]
(0008,0102) SH [DCM]
(0008,0104) LO [Finding]
(fffe,e00d) -
(fffe,e0dd) -
(0040,a160) UT [{WORDS}]
(fffe,e00d) -
(fffe,e0dd) -
""")
    path = folder / "report.dcm"
    subprocess.run(["dump2dcm", str(dump), str(path)], check=True, capture_output=True)
    return path


def send_image(path, port):
    command = ["dcmsend", "-aec", "KNOWMVG", "-dn", "-to", "5", "-ta", "20", "-td", "20", "127.0.0.1", str(port), str(path)]
    return subprocess.run(command, capture_output=True).returncode == 0


def send_report(number, port):
    message = "\r".join([
        "MSH|^~\\&|RIS|HOSPITAL|KNOWMVG||202611250900||ORU^R01^ORU_R01|1|P|2.5.1",
        f"PID|1||{CANARY}-{number}^^^HOSPITAL||{CANARY}^{number}",
        f"OBR|1|||71046^CHEST||||||||||||||ACC{number}|||||||F",
        f"OBX|1|TX|71046&IMP||{WORDS}||||||F",
        "",
    ])
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.settimeout(10)
            connection.sendall(b"\x0b" + message.encode() + b"\x1c\r")
            return b"MSA|AA|" in connection.recv(4096)
    except OSError:
        return False


def round_trip(program, folder, destination, ports, seed, database=None):
    """Studies in by C-STORE and HL7, reports out to a destination; returns what the archive has.

    With a database, the queue is in it, and it is killed too.
    """
    http, dicom, node_port, hl7_port = ports
    folder.mkdir(exist_ok=True)
    archive = Orthanc(folder, http, dicom)
    queue = f'[queue]\nurl = "postgres://knowmvg@127.0.0.1:{database.port}/postgres"' if database else ""
    try:
        config = folder / "listen.toml"
        config.write_text(f"""
data = "data"
{queue}
[dicom]
listen = "127.0.0.1:{node_port}"
[hl7]
listen = "127.0.0.1:{hl7_port}"
[[deliver]]
name = "archive"
{destination}
""")
        log = open(folder / "listen.log", "w+")
        node = Node(program, config, log)
        node.start()
        wait_for("the node", lambda: listens(node_port))
        dice = random.Random(seed)
        expected = set()
        for number in range(STUDIES):
            path = study(folder, number)
            expected.add(f"2.25.1000{number}")
            steps = [
                lambda: wait_for("an image to be taken", lambda: send_image(path, node_port)),
                lambda: wait_for("a report to be taken", lambda: send_report(number, hl7_port)),
            ]
            dice.shuffle(steps)
            for step in steps:
                step()
        kills = 0
        while kills < KILLS:
            time.sleep(dice.uniform(0.3, 2.5))
            if database and kills % 2:
                database.kill()
                database.start()
            else:
                node.kill()
                node.start()
            kills += 1
            # What a sender does not know to have arrived is sent again.
            number = dice.randrange(STUDIES)
            wait_for("the node", lambda: listens(node_port))
            wait_for("an image to be taken again", lambda: send_image(folder / f"{number}.dcm", node_port))
        def is_over():
            status = node.status()
            return status and status["deliveries"] == {"sent": STUDIES} and status["images"] == {"done": STUDIES}
        wait_for("every result to be sent", is_over)
        node.kill()
        reports = archive.instances("SR")
        assert {study for study, _ in reports} == expected, reports
        assert len(reports) == STUDIES, f"{len(reports)} reports of {STUDIES} studies"
        assert archive.stored() == STUDIES, f"stored {archive.stored()} times instead of {STUDIES}"
        log.seek(0)
        text = log.read()
        assert CANARY not in text and "CANARYWORD" not in text and "ACC0" not in text, "a log with something of a patient"
        assert subprocess.run([program, "listen", str(config), "--check"]).returncode == 0
        return kills, sorted(reports)
    finally:
        archive.process.terminate()
        archive.process.wait()


def pulled(program, folder, ports):
    """Images and reports that the node fetches from the archive itself, by DICOMweb."""
    http, dicom, _, _ = ports
    folder.mkdir()
    archive = Orthanc(folder, http, dicom)
    try:
        config = folder / "listen.toml"
        config.write_text(f"""
data = "data"
[dicomweb]
poll_seconds = 1
back_days = 36500
server = {{ url = "{archive.url}/dicom-web" }}
[[deliver]]
name = "archive"
stow = {{ url = "{archive.url}/dicom-web" }}
""")
        node = Node(program, config, open(folder / "listen.log", "w"))
        node.start()
        path = study(folder, 7)
        assert send_image(path, dicom), "the archive did not take the image"
        assert send_image(basic_text_sr(folder, 7), dicom), "the archive did not take the report"
        def is_back():
            return len(archive.instances("SR")) == 2
        wait_for("the result in the archive", is_back)
        # Its own result is a report too, and must not be taken for a new one.
        time.sleep(4)
        status = node.status()
        node.kill()
        assert status["reports"] == 1 and status["deliveries"] == {"sent": 1}, status
    finally:
        archive.process.terminate()
        archive.process.wait()


class Authority:
    """Signs certificates for loopback."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        subject = ["-subj", f"/CN={name}"]
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, "-keyout", f"{name}.key", "-out", f"{name}.pem")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def sign(self, name):
        """Key and certificate of somebody."""
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        signer = ["-CA", f"{self.name}.pem", "-CAkey", f"{self.name}.key", "-CAcreateserial"]
        self.openssl("x509", "-req", "-in", f"{name}.csr", *signer, "-days", "2", "-extfile", "names", "-out", f"{name}.pem")
        return [str(self.folder / f"{name}.key"), str(self.folder / f"{name}.pem")]


def encrypted(program, folder, ports):
    """DCMTK and the node over TLS, in both directions, and strangers who are turned away."""
    scp_port, _, node_port, _ = ports
    folder.mkdir()
    hospital, elsewhere = Authority(folder, "hospital"), Authority(folder, "elsewhere")
    node_key, node_certificate = hospital.sign("node")
    client, scp, stranger = hospital.sign("client"), hospital.sign("scp"), elsewhere.sign("stranger")
    ca = str(folder / "hospital.pem")
    config = folder / "listen.toml"
    config.write_text(f"""
data = "data"
[dicom]
listen = "127.0.0.1:{node_port}"
tls = {{ certificate = "{node_certificate}", key = "{node_key}", client_ca = "{ca}" }}
[[deliver]]
name = "encrypted"
store = {{ ae_title = "SCP", address = "localhost:{scp_port}", tls = {{ ca = "{ca}", certificate = "{node_certificate}", key = "{node_key}" }} }}
""")
    received = folder / "received"
    received.mkdir()
    command = ["storescp", "+tls", *scp, "+cf", ca, "-aet", "SCP", "-od", str(received), str(scp_port)]
    archive = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    node = Node(program, config, open(folder / "listen.log", "w"))
    try:
        wait_for("storescp", lambda: listens(scp_port), 30)
        assert subprocess.run([program, "listen", str(config), "--check"]).returncode == 0
        node.start()
        wait_for("the node", lambda: listens(node_port))
        def echo(*security):
            command = ["echoscu", *security, "-aec", "KNOWMVG", "-to", "5", "-ta", "5", "127.0.0.1", str(node_port)]
            return subprocess.run(command, capture_output=True).returncode == 0
        assert echo("+tls", *client, "+cf", ca), "a peer with a certificate of the hospital was turned away"
        assert not echo("+tls", *stranger, "+cf", ca), "a stranger was let in"
        assert not echo("+tla", "+cf", ca), "a peer without a certificate was let in"
        assert not echo(), "a peer without encryption was let in"
    finally:
        archive.terminate()
        if node.process:
            node.kill()


def main():
    program = str(Path(sys.argv[1]).resolve())
    os.environ["LC_ALL"] = "C"
    with tempfile.TemporaryDirectory(prefix="knowmvg-pacs-") as temporary:
        temporary = Path(temporary)
        results = []
        for name, seed in (("stow", 1), ("store", 2)):
            ports = free_ports(4)
            http, dicom = ports[:2]
            destination = {
                "stow": f'stow = {{ url = "http://127.0.0.1:{http}/dicom-web" }}',
                "store": f'store = {{ ae_title = "ORTHANC", address = "127.0.0.1:{dicom}" }}',
            }[name]
            start = time.time()
            kills, reports = round_trip(program, temporary / name, destination, ports, seed)
            results.append([uid for _, uid in reports])
            print(f"{name}: {STUDIES} studies, killed {kills} times, {len(reports)} reports, each stored once, "
                  f"{time.time() - start:.0f} s")
        if Postgres.is_there():
            ports = free_ports(5)
            folder = temporary / "database"
            folder.mkdir()
            # Another user has to get at the server's folder in it.
            temporary.chmod(0o711)
            folder.chmod(0o711)
            database = Postgres(folder / "postgres", ports[4])
            database.start()
            try:
                destination = f'stow = {{ url = "http://127.0.0.1:{ports[0]}/dicom-web" }}'
                start = time.time()
                kills, reports = round_trip(program, folder, destination, ports[:4], 3, database)
                results.append([uid for _, uid in reports])
                print(f"postgres: {STUDIES} studies, node and database killed {kills} times, {len(reports)} reports, each stored once, "
                      f"{time.time() - start:.0f} s")
            finally:
                database.kill()
            log = (folder / "postgres.log").read_text()
            assert CANARY not in log and "CANARYWORD" not in log, "the server's log has something of a patient"
        else:
            print("SKIPPED the round trip with PostgreSQL: it is not installed")
        assert all(result == results[0] for result in results), "the same studies and reports gave other UIDs"
        pulled(program, temporary / "pulled", free_ports(4))
        encrypted(program, temporary / "encrypted", free_ports(4))
        print("tls: DCMTK in both directions; strangers, and peers without certificate or encryption, are turned away")
        print("dicomweb: image and Basic Text SR fetched, result stored, and not taken for a report")


main()
