"""Where the compiled pass over reports lies: Tocsin loads it by `ctypes`, so that it fits every version of Python."""

from pathlib import Path

LIBRARY = Path(__file__).with_name("libtocsin_scan.so")
