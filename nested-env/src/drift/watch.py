"""Has the Python that this runs in note, in a file, from where it imports the modules of a package."""

import os
import sys
import sysconfig
from importlib import metadata
from importlib.machinery import all_suffixes

NAME = "_clearance_watch"

WATCH = """\
import atexit, os, sys
from importlib.machinery import PathFinder

MODULES, RECORD = {modules!r}, {record!r}
noted = set()

def note(name, origin):
    if name not in MODULES or not isinstance(origin, str):
        return
    word = 'own' if os.path.realpath(origin) == MODULES[name] else 'other'
    if word not in noted:
        noted.add(word)
        hexed = [text.encode('utf-8', 'surrogateescape').hex() for text in (name, origin)]
        with open(RECORD, 'a') as record:
            record.write(' '.join([word] + hexed) + chr(10))

class Watch:
    # Another finder may be asked before this one, and then this one is not: so there is a look at the end too.
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in MODULES:
            try:
                note(name, getattr(PathFinder.find_spec(name, path, target), 'origin', None))
            except Exception:
                pass

def at_end():
    try:
        for name in MODULES:
            note(name, getattr(getattr(sys.modules.get(name), '__spec__', None), 'origin', None))
    except Exception:
        pass

sys.meta_path.insert(0, Watch)
atexit.register(at_end)
"""


def module(file):
    """The module that a file of a package is, by its whole name."""
    suffix = next((end for end in sorted(all_suffixes(), key=len, reverse=True) if file.name.endswith(end)), None)
    if suffix is None:
        return None
    parts = [*file.parts[:-1], file.name[: -len(suffix)]]
    if parts[-1] == "__init__":
        parts.pop()
    # Packages bring their tests by mistake: those of the consumer have the same name. What is editable has a finder of its own.
    if not parts or parts[0] in ("test", "tests") or parts[0].startswith("__editable__"):
        return None
    return ".".join(parts) if all(part.isidentifier() for part in parts) else None


package, record = sys.argv[1:]
found = metadata.distribution(package)
modules = {module(file): os.path.realpath(found.locate_file(file)) for file in found.files or ()}
modules.pop(None, None)
site = sysconfig.get_path("purelib")
with open(os.path.join(site, NAME + ".py"), "w", encoding="utf-8") as file:
    file.write(WATCH.format(modules=modules, record=record))
with open(os.path.join(site, NAME + ".pth"), "w", encoding="utf-8") as file:
    file.write("import " + NAME + "\n")
print("clearance-watch", len(modules))
