// One entry on its own page, beside the rest or over it: all that the changelog knows of it.

function detailOf(entry) {
  const more = detailsOf(entry);
  return [
    make("div", {class: "top"},
      make("div", {class: "badge"}, icon(entry.outcome), make("span", {}, entry.type === "rollout" ? entry.outcome : entry.type)),
      make("button", {type: "button", class: "near", title: "Show it large on the timeline (z)",
        onclick: () => zoomToEntry(entry)}, "Zoom to it"),
      closer()),
    make("h2", {}, marksOf(entry), entry.what, entry.releases ? make("span", {class: "releases"}, said(entry.releases)) : ""),
    more.why ? make("blockquote", {}, said(more.why)) : "",
    facts(entry, more),
    entry.type === "rollout" ? commandLine(entry) : "",
    together(entry),
    hostsOf(more),
    outputOf("What ended it", more.reason, more.output),
    ...(more.hosts || []).filter((host) => host.error || host.output)
      .map((host) => outputOf(host.name, host.error || host.outcome, host.output)),
    commitsOf(more),
    verdictsOf(more),
    notesOf(more),
    more.damage ? make("p", {}, `its body is ${more.damage}`) : more.body ? make("pre", {}, JSON.stringify(more.body, null, 2)) : "",
    steps(entry),
  ];
}

const closer = () => make("button", {type: "button", class: "close", title: "Close (Esc)", "aria-label": "Close",
  onclick: closeDetail}, "×");

function facts(entry, more) {
  const rows = [
    ["When", make("span", {title: new Date(entry.at).toISOString()},
      `${stamp(entry.at)} `, make("span", {class: "dim"}, `${zoneName()}, ${ago(entry.at)}`))],
    ["Took", entry.type === "rollout" ? took(entry, more) : ""],
    ["Who", `${entry.who || entry.actor}${more.machine ? ` on ${more.machine}` : ""}`],
    ["Signed", more.signed ? said(more.signed) : ""],
    ...(more.doubts || []).map((doubt) => ["Doubt", said(doubt)]),
    ["Where", [entry.environment, entry.type === "rollout" ? "" : entry.where].filter(Boolean).join(" · ")],
    ["Service", entry.service],
    ["About", entry.rollout ? jump(rolloutOf.get(entry.rollout), entry.rollout) : ""],
    ["Release", more.to
      ? make("span", {}, more.before?.length ? [said(more.before.join(", ")), " → "] : "", said(more.to)) : ""],
    ["Reason", more.reason && !more.output ? said(more.reason) : ""],
    ["Typed", more.command?.length ? make("code", {}, more.command.map(quoted).join(" ")) : ""],
    ["Script", more.script ? make("code", {}, more.script) : ""],
    ...(more.remarks || []).map((remark) => ["Remark", said(remark)]),
    ["Id", make("code", {}, entry.id)],
  ];
  return make("dl", {class: "facts"}, rows.filter(([, value]) => value)
    .map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function took(entry, more) {
  if (more.ms != null) return duration(more.ms);
  return entry.outcome === "running" ? "it was running when this page was made" : "nobody wrote down its end";
}

function commandLine(entry) {
  const words = `opskit log ${entry.id}`, code = make("code", {}, words);
  const button = make("button", {type: "button", onclick: () => copy(words, code, button)}, "Copy");
  return make("div", {class: "command"}, code, button);
}

async function copy(words, code, button) {
  let done = false;
  try {
    await navigator.clipboard.writeText(words);
    done = true;
  } catch {
    getSelection().selectAllChildren(code); // no clipboard for pages in files here: it is marked, ready for Ctrl-C
  }
  button.textContent = done ? "Copied" : "Marked";
  setTimeout(() => (button.textContent = "Copy"), 1500);
}

const jump = (entry, otherwise = "") => (entry
  ? make("a", {href: `#${entry.id}`}, icon(entry.outcome), make("span", {}, `${entry.what} ${entry.releases}`.trimEnd()))
  : otherwise && make("code", {}, otherwise));

function together(entry) {
  const others = meanwhile(entry);
  if (!others.length) return "";
  const shown = others.slice(0, 12);
  const line = (other) => make("li", {}, jump(other),
    make("span", {class: "dim"}, ` ${other.actor}, ${clock(other.at, true)} to ${clock(other.end, true)}`));
  return make("section", {class: "together"}, make("h3", {}, "At the same time"),
    make("ul", {}, shown.map(line)),
    others.length > shown.length ? make("p", {class: "dim"}, `and ${others.length - shown.length} more`) : "");
}

function hostsOf(more) {
  const hosts = more.hosts || [];
  if (!hosts.length) return "";
  const counts = new Map();
  for (const host of hosts) counts.set(host.outcome, (counts.get(host.outcome) || 0) + 1);
  const longest = Math.max(1, ...hosts.map((host) => host.ms || 0));
  const told = [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(", ");
  return make("section", {},
    make("h3", {}, plural(hosts.length, "host"), make("span", {class: "dim"}, ` ${told}`)),
    make("ul", {class: "hosts"}, hosts.map((host) => hostRow(host, longest))));
}

function hostRow(host, longest) {
  const steps = host.steps || [], stays = host.live && host.before === host.live;
  const moved = stays ? `stays on ${host.live}` : [host.before, host.live].filter(Boolean).join(" → ");
  const line = make("span", {class: "steps", "aria-hidden": "true"}, steps.map(([name, ms], n) => {
    const part = make("i", {class: `s${n % 4}`, title: `${name} ${duration(ms)}`});
    part.style.width = `${ms / longest * 100}%`;
    return part;
  }));
  return make("li", {},
    make("span", {class: "host"}, icon(host.outcome), " ", make("b", {}, host.name),
      make("span", {class: "dim"}, ` ${host.outcome}${host.batch ? `, batch ${host.batch}` : ""}`)),
    make("span", {class: "took"}, host.at ? duration(host.ms || 0) : ""),
    moved ? make("span", {class: "moved"}, said(moved)) : "",
    steps.length ? line : "",
    steps.length
      ? make("span", {class: "dim small"}, steps.map(([name, ms]) => `${name} ${duration(ms)}`).join(", ")) : "");
}

function outputOf(name, error, output) {
  if (!output && (name === "What ended it" || !error)) return "";
  return make("section", {class: "output"}, make("h3", {}, name),
    error ? make("p", {class: "error"}, said(error)) : "", output ? make("pre", {dir: "auto"}, output) : "");
}

function commitsOf(more) {
  const commits = more.commits || [];
  if (!commits.length) return "";
  const line = (commit) => make("li", {}, make("code", {}, commit.sha.slice(0, 10)), " ", said(commit.subject),
    make("span", {class: "dim"}, ` ${commit.author}`));
  return make("section", {},
    make("h3", {}, plural(commits.length, "commit"), make("span", {class: "dim"}, " the newest first")),
    make("ul", {class: "commits"}, commits.map(line)));
}

function notesOf(more) {
  const notes = more.notes || [];
  if (!notes.length) return "";
  const shown = (note) => make("div", {},
    make("p", {class: "dim"}, icon("note"), ` ${note.actor}, ${stamp(note.at)}`), make("p", {}, said(note.text)));
  return make("section", {class: "notes"}, make("h3", {}, plural(notes.length, "note")), notes.map(shown));
}

function verdictsOf(more) {
  const verdicts = more.verdicts || [];
  if (!verdicts.length) return "";
  const shown = (one) => make("div", {},
    make("p", {class: "dim"}, icon("event"), ` ${one.verdict}, ${one.actor}, ${stamp(one.at)}`), make("p", {}, said(one.why)));
  return make("section", {class: "notes"}, make("h3", {}, plural(verdicts.length, "verdict")), verdicts.map(shown));
}

function steps(entry) {
  if (entry.type !== "rollout" || !entry.service) return "";
  const links = [["Before it", neighbour(entry, 1)], ["After it", neighbour(entry, -1)]].filter(([, other]) => other);
  if (!links.length) return "";
  const line = ([words, other]) => make("li", {}, make("span", {class: "dim"}, `${words}: `), jump(other),
    make("span", {class: "dim"}, ` ${day(other.at)} ${clock(other.at)}`));
  return make("section", {class: "around"},
    make("h3", {}, `${entry.service}${entry.environment ? ` in ${entry.environment}` : ""}`),
    make("ul", {}, links.map(line)));
}

function showDetail(entry) {
  $("detail").replaceChildren(...detailOf(entry).flat().filter(Boolean));
  present();
}

function showMissing(id) {
  const words = data.limit ? `It holds the newest ${entriesIn(data.limit)}.`
    : "It may be newer than the page, or outside of what the page was made for.";
  $("detail").replaceChildren(
    make("div", {class: "top"}, make("span", {}), closer()),
    make("h2", {}, `No ${id} on this page`), make("p", {}, words), commandLine({id}));
  present();
}

function present() {
  $("detail").hidden = false;
  $("detail").scrollTop = 0;
  document.body.classList.add("opened");
}
