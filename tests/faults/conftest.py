"""What tests of faults share with those of the command line."""

from tests.cli.conftest import shell, template

__all__ = ["shell", "template"]
