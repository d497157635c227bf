"""How others bring a tree to many hosts: rsync over OpenSSH, Ansible, and git on the hosts as Capistrano does it.

Each is given its best: all hosts in parallel, no check of what arrived, and time that it needs beside (a commit, a
push) is not counted.
"""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.bench.fanout import Site

PLAYBOOK = """\
- hosts: all
  gather_facts: false
  tasks:
    - file: {{path: "{{{{ home }}}}/shop/releases/{number}", state: directory}}
    - {task}
    - file: {{src: "releases/{number}", dest: "{{{{ home }}}}/shop/current", state: link}}
"""
THERE = '"{{ home }}/shop/releases/%s"'
WAYS = {
    "ansible synchronize": "ansible.posix.synchronize: {{src: {tree}/, dest: {there}, use_ssh_args: true{link}}}",
    "ansible unarchive": "unarchive: {{src: {tree}.tar.gz, dest: {there}}}",
    "ansible copy": "copy: {{src: {tree}/, dest: {there}, mode: preserve}}",
}
SLOW = ("ansible copy",)
"""Minutes for a round: only run when it is asked for by name."""


def peers(site: Site, addresses: Sequence[str]) -> dict[str, Callable[[str], Sequence[str]]]:
    """Give each tool's command for a step, `first` or `change`; those not installed are left out."""
    site.name("list").write_text("\n".join(addresses) + "\n")
    found: dict[str, Callable[[str], Sequence[str]]] = {}
    if shutil.which("rsync"):
        found["rsync --link-dest"] = lambda step: _rsync(site, step)
        found["rsync --checksum"] = lambda step: _rsync(site, step, "--checksum")
    if shutil.which("git"):
        found["git on the hosts"] = lambda step: _git(site, step)
    if ansible := os.environ.get("BENCH_ANSIBLE") or shutil.which("ansible-playbook"):
        found |= {
            way: functools.partial(_ansible, site, addresses, ansible, way=way) for way in WAYS
        }
    return found


def _number(step: str) -> str:
    return "1" if step == "first" else "2"


def _everywhere(site: Site, command: str) -> list[str]:
    """Run `command` once a host at the same time; `@` in it is the address."""
    return ["sh", "-c", f"xargs -P 64 -I@ sh -c {shlex.quote(command)} < {site.name('list')}"]


def _rsync(site: Site, step: str, more: str = "") -> Sequence[str]:
    """`--checksum` compares what is there by its bytes, as opskit does, and not by size and time."""
    ssh = f"ssh -F {site.name('ssh_config')}"
    shop = f"{site.name('homes')}/@/shop"
    # the switch rides on rsync's own connection; what it makes is there before rsync fills it
    first = f"mkdir -p {shop}/releases && ln -sfn releases/{_number(step)} {shop}/current"
    link = f"--link-dest={shop}/releases/1" if step == "change" else ""
    remote = shlex.quote(f"{first} && rsync")
    target = f"@:{shop}/releases/{_number(step)}/"
    return _everywhere(
        site, f"rsync -a {more} {link} -e {shlex.quote(ssh)} --rsync-path={remote} {site.name('tree')}/ {target}"
    )  # fmt: skip


def _git(site: Site, step: str) -> Sequence[str]:
    origin = site.name("origin.git")
    if step == "first":
        shutil.rmtree(origin, ignore_errors=True)
    commit(site.name("tree"), origin)
    shop = f"{site.name('homes')}/@/shop"
    url = f"ssh://127.0.1.1{origin}"
    config = site.name("ssh_config")
    ssh = f"GIT_SSH_COMMAND={shlex.quote(f'ssh -F {config}')}"
    get = (
        f"git clone -q --mirror {url} {shop}/repo"
        if step == "first"
        else f"git -C {shop}/repo fetch -q"
    )
    release = f"{shop}/releases/{_number(step)}"
    put = f"git -C {shop}/repo archive HEAD | tar -xf - -C {release}"
    there = (
        f"mkdir -p {release} && export {ssh} && {get} && {put} && ln -sfn {release} {shop}/current"
    )
    return _everywhere(site, f"ssh -F {config} @ {shlex.quote(there)}")


def commit(tree: Path, origin: Path) -> None:
    """Have the tree as it is now as the newest commit of a bare repository."""
    if not origin.exists():
        subprocess.run(["git", "init", "-q", "--bare", str(origin)], check=True)
    git = [
        "git",
        f"--git-dir={origin}",
        f"--work-tree={tree}",
        "-c",
        "user.name=b",
        "-c",
        "user.email=b@b",
    ]
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "-qm", "tree"], check=True)


def _ansible(
    site: Site, addresses: Sequence[str], program: str, step: str, *, way: str
) -> Sequence[str]:
    hosts = "".join(f"{a} home={site.name('homes')}/{a}\n" for a in addresses)
    site.name("inventory").write_text(hosts)
    tree, there = site.name("tree"), THERE % _number(step)
    link = f", link_dest: [{THERE % 1}]" if step == "change" else ""
    task = WAYS[way].format(tree=tree, there=there, link=link)
    text = PLAYBOOK.format(number=_number(step), task=task)
    site.name("playbook.yml").write_text(text)
    site.name("ansible.cfg").write_text(
        f"[defaults]\nforks = 64\ninterpreter_python = auto_silent\n[ssh_connection]\npipelining = true\n"
        f"ssh_args = -F {site.name('ssh_config')} -o ControlMaster=auto -o ControlPersist=60s\n"
    )
    pack = f"tar -czf {tree}.tar.gz -C {tree} ." if way == "ansible unarchive" else ":"
    return [
        "sh",
        "-c",
        f"{pack} && {program} -i {site.name('inventory')} {site.name('playbook.yml')}",
    ]
