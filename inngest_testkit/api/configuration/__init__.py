"""The configuration of the services, from CUE or JSON: every setting of the server, checked all at once."""

from __future__ import annotations

from inngest_testkit.api.configuration.model import Configuration
from inngest_testkit.api.configuration.reading import LoadedConfiguration, load_configuration, parse_configuration

__all__ = ["Configuration", "LoadedConfiguration", "load_configuration", "parse_configuration"]
