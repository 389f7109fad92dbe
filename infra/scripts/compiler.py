"""Compiles a Bicep file with whichever compiler this machine has."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from rest import Problem


def compiled(module: Path) -> dict[str, Any]:
    """Return a Bicep file as a template, compiled by azd's own Bicep or another one on this machine."""
    command = [str(_bicep()), "build", str(module), "--stdout"]
    # .NET wants ICU, which small images do not have; the compiler does without.
    environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    ended = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    if ended.returncode:
        raise Problem(f"Bicep could not compile {module}:\n{ended.stderr}")
    template: dict[str, Any] = json.loads(ended.stdout)
    return template


def _bicep() -> Path:
    """Return the compiler: the one azd uses, one on the PATH, or the Azure CLI's."""
    program = "bicep.exe" if os.name == "nt" else "bicep"
    azd = Path(os.environ.get("AZD_CONFIG_DIR") or Path.home() / ".azd")
    places = (
        os.environ.get("AZD_BICEP_TOOL_PATH"),
        azd / "bin" / program,
        shutil.which("bicep"),
        Path.home() / ".azure" / "bin" / program,
    )
    for place in places:
        if place and Path(place).is_file():
            return Path(place)
    raise Problem("Found no Bicep: azd brings it with 'azd provision', 'az bicep install' does too.")
