"""The entry point of the tools.

python -m src                 # lists the tools
python -m src TOOL --help     # what a tool does, with examples
python -m src TOOL ...        # runs it
"""

import sys
from importlib import import_module

from src.core.command import heavy_imports, run
from src.core.user_errors import unknown_name
from src.tools import TOOLS


def main() -> None:
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        width = max(map(len, TOOLS))
        print("usage: python -m src TOOL ...\n")
        print("\n".join(f"{tool:{width}}  {purpose}" for tool, purpose in TOOLS.items()))
        print("\nOptions and examples of a tool: python -m src TOOL --help")
        return
    if name not in TOOLS:
        raise unknown_name("tool", name, TOOLS)
    sys.argv = [f"python -m src {name}", *arguments]
    with heavy_imports():
        tool = import_module(f"src.tools.{name}")
    tool.main()


if __name__ == "__main__":
    run(main)
