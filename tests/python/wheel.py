"""Builds a wheel of the package that it lies in: a build backend (PEP 517) of its own, so that nothing is fetched for it."""

import base64
import hashlib
import os
import zipfile

try:
    import tomllib
except ImportError:  # before 3.11
    tomllib = None


def _project():
    if tomllib is not None:
        with open("pyproject.toml", "rb") as file:
            return tomllib.load(file)["project"]
    # Enough of TOML for the files beside this one.
    project = {"dependencies": []}
    with open("pyproject.toml", encoding="utf-8") as file:
        for line in file:
            key, _, value = (part.strip() for part in line.partition("="))
            if key in ("name", "version"):
                project[key] = value.strip('"')
            elif key == "dependencies":
                project[key] = [part.strip(' "') for part in value.strip("[]").split(",") if part.strip()]
    return project


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    project = _project()
    name, version = project["name"].replace("-", "_"), project["version"]
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {one}\n" for one in project.get("dependencies", []))
    files = {
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: wheel.py\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    for directory, _, names in os.walk("src"):
        for file in names:
            if file.endswith(".py"):
                path = os.path.join(directory, file)
                with open(path, "rb") as source:
                    files[os.path.relpath(path, "src").replace(os.sep, "/")] = source.read()
    record = ""
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(content)}\n"
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    wheel = f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, wheel), "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return wheel
