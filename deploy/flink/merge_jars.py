"""Merge jars into one that runs Beam's job server on Flink: python merge_jars.py FOLDER OUT.

What the jars declare under META-INF/services is joined. Of files that several jars hold, Beam's own come first.
Signatures are left out: they would be those of the parts.
"""

import sys
import zipfile
from pathlib import Path

MANIFEST = "META-INF/MANIFEST.MF"
MAIN_CLASS = "org.apache.beam.runners.flink.FlinkJobServerDriver"
SERVICES = "META-INF/services/"
SIGNATURES = (".SF", ".RSA", ".DSA", ".EC")


def merge(folder: Path, out: Path) -> None:
    """Write `out` from all jars in `folder`; it appears complete or not at all."""
    jars = sorted(folder.glob("*.jar"), key=_beam_first)
    services: dict[str, dict[str, None]] = {}
    written = {MANIFEST}
    unfinished = out.with_suffix(".part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as merged:
        merged.writestr(MANIFEST, f"Manifest-Version: 1.0\nMain-Class: {MAIN_CLASS}\nMulti-Release: true\n\n")
        for jar in jars:
            with zipfile.ZipFile(jar) as part:
                for name in part.namelist():
                    if name.startswith(SERVICES) and not name.endswith("/"):
                        services.setdefault(name, {}).update(_declared(part.read(name)))
                    elif name not in written and not _left_out(name):
                        written.add(name)
                        merged.writestr(name, part.read(name))
        for name, providers in services.items():
            merged.writestr(name, "\n".join(providers) + "\n")
    unfinished.rename(out)


def _beam_first(jar: Path) -> tuple[bool, str]:
    return not jar.name.startswith("beam-"), jar.name


def _declared(services: bytes) -> dict[str, None]:
    lines = (line.strip() for line in services.decode().splitlines())
    return {line: None for line in lines if line and not line.startswith("#")}


def _left_out(name: str) -> bool:
    of_the_part = name.startswith("META-INF/") and name.upper().endswith((*SIGNATURES, "/INDEX.LIST"))
    return of_the_part or name.endswith(("/", "module-info.class"))


if __name__ == "__main__":
    merge(Path(sys.argv[1]), Path(sys.argv[2]))
