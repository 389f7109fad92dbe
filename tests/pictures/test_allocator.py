"""Memory is kept between pictures, in any thread, within a bound; other systems are left alone."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.pictures import allocator

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024
FAULTS = """
import json, resource, sys, threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from PIL import Image
from shared.pictures import allocator, render

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]) * 1024

if sys.argv[1] == "keep":
    assert allocator.keep_freed_memory()
if sys.argv[1] == "app":
    import function_app
file = BytesIO()
Image.new("RGB", (4000, 3000), "red").save(file, "WEBP", method=0)
before, counts = resident(), []
with ThreadPoolExecutor(2) as pool:
    for _ in range(4):
        start = faults()
        list(pool.map(render.render, [file.getvalue()] * 2))
        counts.append(faults() - start)
print(json.dumps({"faults": counts[-1], "kept": resident() - before}))
"""
SETTINGS = {
    "PICTURE_STORAGE__blobServiceUri": "https://127.0.0.1",
    "PICTURE_STORAGE__queueServiceUri": "https://127.0.0.1",
    "BC_TENANT_ID": "tenant",
    "BC_ENVIRONMENT": "environment",
}
needs_glibc = pytest.mark.skipif(not allocator.is_glibc(), reason="only glibc's allocator is configured")


def two_threads(how: str, **env: str) -> dict[str, Any]:
    command = [sys.executable, "-c", FAULTS, how]
    output = subprocess.run(command, cwd=ROOT, env=os.environ | env, capture_output=True, text=True, check=True).stdout
    answer: dict[str, Any] = json.loads(output)
    return answer


@needs_glibc
def test_worker_threads_reuse_the_memory_of_pictures() -> None:
    """A WebP of 12 megapixels takes three times 48 MB: 35,000 pages of 4 KiB."""
    assert two_threads("keep")["faults"] < two_threads("leave")["faults"] / 2


@needs_glibc
def test_app_reuses_memory_from_the_start() -> None:
    assert two_threads("app", **SETTINGS)["faults"] < two_threads("leave")["faults"] / 2


@needs_glibc
def test_memory_kept_between_pictures_is_bounded() -> None:
    assert two_threads("keep")["kept"] < allocator.MOST_KEPT + 64 * MIB


@needs_glibc
def test_environment_has_the_effect_of_the_call() -> None:
    """So that the benchmark's peers really run under the same settings."""
    assert two_threads("leave", **allocator.environment())["faults"] < two_threads("leave")["faults"] / 2


def test_other_systems_are_left_alone() -> None:
    """A program without any C library's names stands for musl, macOS and Windows."""
    for program in (
        "ctypes.CDLL = lambda name: object()",
        "def refuse(name): raise TypeError(name)\nctypes.CDLL = refuse",
        "def refuse(name): raise OSError(name)\nctypes.CDLL = refuse",
    ):
        check = "from shared.pictures import allocator; assert allocator.keep_freed_memory() is False"
        subprocess.run([sys.executable, "-c", f"import ctypes\n{program}\n{check}"], cwd=ROOT, check=True)
