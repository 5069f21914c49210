"""certificates.py - the stand-in's own certificate authority and server certificate.

Made with the `openssl` command, because the standard library cannot issue certificates. The CA is
kept in the directory and used again after a restart, so that a client configured with `ca.pem`
goes on trusting an endpoint that was stopped and started to play an outage.
"""

import os
import subprocess
from datetime import datetime, timedelta, timezone

KINDS = ("good", "wrong-host", "expired", "untrusted")

GOOD_NAMES = "DNS:localhost,IP:127.0.0.1,IP:::1"
WRONG_NAMES = "DNS:somebody-else.invalid"

# `openssl ca` is used rather than `x509 -req`, because it takes both ends of the validity on
# every OpenSSL 3 (x509 learnt -not_before and -not_after only with 3.4).
CA_CONFIG = """
[ca]
default_ca = standin
[standin]
database = {room}/index.txt
serial = {room}/serial
new_certs_dir = {room}
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
[req]
distinguished_name = dn
prompt = no
[dn]
CN = crm_capi stand-in
"""


def make_certificates(directory, kind="good"):
    """Put ca.pem into the directory; return (certificate chain file, key file) of the server."""
    room = os.path.join(directory, "tls")
    os.makedirs(room, mode=0o700, exist_ok=True)
    write_config(room, kind)
    if not os.path.exists(os.path.join(room, "root.pem")):
        make_authority(room, "root")
    publish_authority(directory, room)
    signer = "root"
    if kind == "untrusted":
        signer = "stranger"
        make_authority(room, signer)
    return make_server_certificate(room, signer, kind)


def write_config(room, kind):
    names = WRONG_NAMES if kind == "wrong-host" else GOOD_NAMES
    with open(os.path.join(room, "openssl.cnf"), "w", encoding="ascii") as out:
        out.write(CA_CONFIG.format(room=room, names=names))
    open(os.path.join(room, "index.txt"), "a", encoding="ascii").close()


def make_authority(room, name):
    run(room, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", name + ".key", "-out", name + ".pem", "-days", "30",
        "-subj", f"/CN=crm_capi stand-in CA ({name})", "-extensions", "root")


def publish_authority(directory, room):
    """ca.pem appears whole or not at all, and the database's user may read it."""
    with open(os.path.join(room, "root.pem"), encoding="ascii") as source:
        text = source.read()
    path = os.path.join(directory, "ca.pem")
    with open(path + ".new", "w", encoding="ascii") as out:
        out.write(text)
    os.chmod(path + ".new", 0o644)
    os.replace(path + ".new", path)


def make_server_certificate(room, signer, kind):
    now = datetime.now(timezone.utc)
    until = now - timedelta(days=1) if kind == "expired" else now + timedelta(days=20)
    run(room, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=crm_capi stand-in")
    run(room, "ca", "-batch", "-notext", "-rand_serial", "-in", "server.csr",
        "-out", "server.pem", "-cert", signer + ".pem", "-keyfile", signer + ".key",
        "-startdate", stamp(now - timedelta(days=2)), "-enddate", stamp(until),
        "-extensions", "server")
    return os.path.join(room, "server.pem"), os.path.join(room, "server.key")


def stamp(moment):
    return moment.strftime("%Y%m%d%H%M%SZ")


def run(room, command, *arguments):
    done = subprocess.run(
        ["openssl", command, "-config", os.path.join(room, "openssl.cnf"), *arguments],
        cwd=room, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {command} failed:\n{done.stderr}")
