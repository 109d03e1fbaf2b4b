"""A directory server for tests: OpenLDAP's slapd on a free port, with its own folder and no system service."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

BASE = "dc=apigee,dc=com"
MANAGER = f"cn=manager,{BASE}"
MANAGER_PASSWORD = "manager secret"
SLAPD = shutil.which("slapd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
SCHEMA = next(
    (path for path in (Path("/etc/ldap/schema"), Path("/etc/openldap/schema")) if path.is_dir()), None
)

_ENTRIES = f"""
dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: apigee
o: Apigee

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: uid=ada,ou=people,{BASE}
objectClass: inetOrgPerson
uid: ada
cn: Ada Lovelace
sn: Lovelace
mail: ada@example.com
telephoneNumber: 1
telephoneNumber: 2
userPassword: engine

dn: uid=bob,ou=people,{BASE}
objectClass: inetOrgPerson
uid: bob
cn: Bob (the builder)
sn: Builder
mail: bob@example.com
title: Bauführer
userPassword: can we fix it

dn: ou=admins,ou=people,{BASE}
objectClass: organizationalUnit
ou: admins

dn: uid=eve,ou=admins,ou=people,{BASE}
objectClass: inetOrgPerson
uid: eve
cn: Eve
sn: Eve
mail: eve@example.com
userPassword: apple
"""


@contextlib.contextmanager
def directory(folder: Path, tls: tuple[str, str] | None = None) -> Iterator[int]:
    """Run a server with a few people; the port it listens on. With `tls` (certificate, key in PEM) it speaks ldaps."""
    assert SLAPD is not None
    assert SCHEMA is not None
    data = folder / "data"
    data.mkdir()
    lines = [f"include {SCHEMA}/{name}.schema" for name in ("core", "cosine", "inetorgperson")]
    modules = next((path for path in ("/usr/lib/ldap", "/usr/lib/openldap") if Path(path).is_dir()), None)
    if modules is not None:
        lines += [f"modulepath {modules}", "moduleload back_mdb"]
    if tls is not None:
        for name, text in zip(("tls.crt", "tls.key"), tls, strict=True):
            (folder / name).write_text(text)
        lines += [f"TLSCertificateFile {folder}/tls.crt", f"TLSCertificateKeyFile {folder}/tls.key"]
    lines += [
        f"pidfile {folder}/slapd.pid",
        "database mdb",
        f'suffix "{BASE}"',
        f'rootdn "{MANAGER}"',
        f'rootpw "{MANAGER_PASSWORD}"',
        f"directory {data}",
        "access to attrs=userPassword by anonymous auth by * none",
        "access to * by * read",
    ]
    config = folder / "slapd.conf"
    config.write_text("\n".join(lines) + "\n")
    (folder / "people.ldif").write_text(_ENTRIES)
    slapadd = [str(Path(SLAPD).with_name("slapadd")), "-f", str(config), "-l", str(folder / "people.ldif")]
    subprocess.run(slapadd, check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    scheme = "ldaps" if tls is not None else "ldap"
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [SLAPD, "-f", str(config), "-h", f"{scheme}://127.0.0.1:{port}", "-d", "0"], stderr=log, stdout=log
    )
    try:
        _wait(port, process, folder / "log")
        yield port
    finally:
        process.terminate()
        process.wait(10)
        log.close()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 15
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text(errors="replace")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("slapd does not answer")
