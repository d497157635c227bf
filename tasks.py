"""The fleet's own tasks: `opskit run TASK` runs one on the hosts that you choose and records it.

A task is a function of a Fabric connection `c` to one host and of options. The first line of its
docstring is its help. A parameter with a default is an option, the default says of which type; one
without is an argument:

    opskit run disk --hosts '@*' --limit 80
    opskit run restart-service --hosts @web nginx

A task fails by an error: `c.run` raises one when the command ends with another status than 0.
"""

from shlex import quote

from fabric import Connection, task


@task
def uptime(c: Connection) -> None:
    """Show how long the host has been up, and its load."""
    c.run("uptime")


@task(help={"path": "the folder whose disk is meant", "limit": "fail above this many percent"})
def disk(c: Connection, path: str = "/", limit: int = 90) -> None:
    """Show how full a disk is; fail if it is too full."""
    line = c.run(f"df -P {quote(path)}").stdout.splitlines()[-1]
    used = int(line.split()[4].rstrip("%"))
    if used > limit:
        raise RuntimeError(f"{path} is {used}% full, more than {limit}%")


@task(help={"unit": "the systemd unit", "wait": "seconds that it may take to be up again"})
def restart_service(c: Connection, unit: str, wait: int = 30) -> None:
    """Restart a systemd unit and wait until it is up again."""
    c.run(f"sudo -n systemctl restart {quote(unit)}")
    up = f"systemctl is-active --quiet {quote(unit)}"
    c.run(f"n=0; until {up}; do n=$((n + 1)); [ $n -le {int(wait)} ] || exit 1; sleep 1; done")


@task
def restart_shop(c: Connection) -> None:
    """Restart the shop; `restart = { task = "restart-shop" }` makes it a step of its deploys."""
    restart_service(c, unit="shop")
