// The data: what each entry is, and which ones the filters let through.

const data = JSON.parse($("data").textContent);
const opened = $("details").textContent.split("\n");
const LONGEST_AGO = data.made - 50 * YEAR; // a clock that is further off does not stretch the page

const entries = data.entries.map((entry, index) => ({
  index, service: "", environment: "", why: "", releases: "", released: "", where: "", hosts: [], marks: [], outcome: entry.type, ...entry,
  end: Math.max(entry.at, entry.end || 0),
  names: (entry.hosts || []).map((host) => data.hosts[Array.isArray(host) ? host[0] : host]),
}));
for (const entry of entries) if (entry.outcome === "running") entry.end = Math.max(data.made, entry.at);
const rolloutOf = new Map(entries.filter((entry) => entry.type === "rollout").map((entry) => [entry.id, entry]));
const environments = new Set(entries.map((entry) => entry.environment).filter(Boolean));

// All that the entry's own page shows; read from its line of the page when it is first asked for.
function detailsOf(entry) {
  if (typeof opened[entry.index] === "string") opened[entry.index] = JSON.parse(opened[entry.index]);
  return opened[entry.index];
}

function strings(value) {
  if (typeof value === "string") return [value];
  if (value && typeof value === "object") return Object.values(value).flatMap(strings);
  return [];
}

function textOf(entry) {
  entry.text ??= [entry.id, entry.actor, entry.what, entry.releases, entry.environment, entry.outcome,
    ...entry.marks, ...entry.names, ...strings(detailsOf(entry))].join("\n").toLowerCase();
  return entry.text;
}

const filter = {words: "", service: "", environment: "", host: "", actor: "", kind: "", outcomes: new Set()};

const isFiltered = () => Object.values(filter).some((value) => (value instanceof Set ? value.size : value));

// Give the entries that fit, without a look at their outcome if `anyOutcome`: the chips count those.
function fitting(anyOutcome = false) {
  const words = filter.words.toLowerCase().split(/\s+/).filter(Boolean), host = filter.host.trim().toLowerCase();
  return entries.filter((entry) =>
    (anyOutcome || !filter.outcomes.size || filter.outcomes.has(entry.outcome))
    && ["service", "environment", "actor", "kind"].every((name) => !filter[name] || entry[name] === filter[name])
    && (!host || entry.names.some((name) => name.toLowerCase().includes(host)))
    && words.every((word) => textOf(entry).includes(word)));
}

// Rollouts that ran at the same time as this one, on one of its hosts or on the same service.
function meanwhile(entry) {
  if (entry.type !== "rollout") return [];
  const mine = new Set(entry.names);
  return entries.filter((other) => other !== entry && other.type === "rollout"
    && other.at < entry.end && entry.at < other.end
    && ((entry.service && other.service === entry.service && other.environment === entry.environment)
      || other.names.some((name) => mine.has(name))));
}

// The rollout before or after this one, on the same service in the same environment.
function neighbour(entry, step) {
  for (let n = entry.index + step; n >= 0 && n < entries.length; n += step) {
    const other = entries[n];
    if (other.type === "rollout" && other.service === entry.service && other.environment === entry.environment) return other;
  }
  return null;
}
