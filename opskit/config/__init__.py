"""opskit.toml, read into frozen values: what the fleet is, what is deployed on it and how.

`load` finds and checks the file; everything else that opskit knows of its configuration is a `Config`. `template.toml` beside
this file is the documentation, the example and the schema at once; `opskit init` writes it.
"""

from opskit.config.model import ChangelogSettings, Config, Environment, Hook, HostEntry, Ssh
from opskit.config.reading import load

__all__ = ["ChangelogSettings", "Config", "Environment", "Hook", "HostEntry", "Ssh", "load"]
