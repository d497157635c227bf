// Times in words, in the reader's zone or in UTC, and the ticks of an axis.

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR, YEAR = 365.25 * DAY;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const zone = {utc: false};

function parts(ms) {
  const d = new Date(ms);
  if (zone.utc) {
    return {y: d.getUTCFullYear(), mo: d.getUTCMonth(), d: d.getUTCDate(), wd: d.getUTCDay(),
      h: d.getUTCHours(), mi: d.getUTCMinutes(), s: d.getUTCSeconds()};
  }
  return {y: d.getFullYear(), mo: d.getMonth(), d: d.getDate(), wd: d.getDay(),
    h: d.getHours(), mi: d.getMinutes(), s: d.getSeconds()};
}

const moment = (y, mo = 0, d = 1) => (zone.utc ? Date.UTC(y, mo, d) : new Date(y, mo, d).getTime());
const two = (number) => String(number).padStart(2, "0");

function clock(ms, seconds = false) {
  const p = parts(ms);
  return `${two(p.h)}:${two(p.mi)}${seconds ? `:${two(p.s)}` : ""}`;
}

function day(ms, weekday = true) {
  const p = parts(ms), year = p.y === parts(data.made).y ? "" : ` ${p.y}`;
  return `${weekday ? `${DAYS[p.wd]} ` : ""}${p.d} ${MONTHS[p.mo]}${year}`;
}

function stamp(ms) {
  const p = parts(ms);
  return `${p.y}-${two(p.mo + 1)}-${two(p.d)} ${clock(ms, true)}`;
}

function zoneName() {
  return zone.utc ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";
}

function duration(ms) {
  const pair = (whole, big, bigName, small, smallName) => {
    const rest = Math.floor(whole % big / small);
    return `${Math.floor(whole / big)} ${bigName}${rest ? ` ${rest} ${smallName}` : ""}`;
  };
  if (ms < 9950) return `${(Math.max(ms, 0) / 1000).toFixed(1)} s`;
  const whole = Math.round(ms / 1000);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(whole, 60, "min", 1, "s");
  if (whole < 86400) return pair(whole, 3600, "h", 60, "min");
  return pair(whole, 86400, "d", 3600, "h");
}

function ago(ms, now = Date.now()) {
  const past = now - ms;
  if (past < -MINUTE) return stamp(ms);
  if (past < MINUTE) return "just now";
  if (past < HOUR) return `${Math.floor(past / MINUTE)} min ago`;
  if (past < DAY) return `${Math.floor(past / HOUR)} h ago`;
  return `${Math.floor(past / DAY).toLocaleString("en")} d ago`;
}

const STEPS = [SECOND, 5 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE,
  30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR];

// Ticks between two times, at least `least` ms apart: {at, label, strong}.
function ticks(from, to, least) {
  const step = STEPS.find((each) => each >= least);
  if (step) return clockTicks(from, to, step);
  return least <= 16 * DAY ? dayTicks(from, to, [1, 2, 7, 16].find((n) => n * DAY >= least))
    : monthTicks(from, to, [1, 3, 6, 12, 24, 60, 120, 240].find((n) => n * 30.4 * DAY >= least) || 600);
}

function clockTicks(from, to, step) {
  const found = [], p = parts(from);
  for (let n = 0; n < 400; n++) {
    const midnight = moment(p.y, p.mo, p.d + n), next = moment(p.y, p.mo, p.d + n + 1);
    if (midnight > to) break;
    const first = midnight + Math.max(0, Math.floor((from - midnight) / step)) * step;
    for (let at = first; at < next && at <= to; at += step) {
      if (at < from) continue;
      found.push(at === midnight ? {at, label: day(at), strong: true} : {at, label: clock(at, step < MINUTE)});
    }
  }
  return found;
}

function dayTicks(from, to, step) {
  const found = [], p = parts(from);
  const first = step === 7 ? p.d - (p.wd + 6) % 7 : p.d;
  for (let n = 0; n < 2000; n++) {
    const at = moment(p.y, p.mo, first + n);
    if (at > to) break;
    const q = parts(at), due = step === 7 ? n % 7 === 0 : (q.d - 1) % (step === 16 ? 15 : step) === 0;
    if (at < from || !due || (step > 1 && step !== 7 && q.d === 31)) continue;
    found.push({at, label: step === 1 ? `${DAYS[q.wd]} ${q.d}` : `${q.d} ${MONTHS[q.mo]}`, strong: q.d === 1});
  }
  return found;
}

function monthTicks(from, to, step) {
  const found = [], p = parts(from);
  for (let month = Math.floor((p.y * 12 + p.mo) / step) * step; month < 12 * 10000; month += step) {
    const at = moment(Math.floor(month / 12), month % 12);
    if (at > to) break;
    if (at < from) continue;
    const january = month % 12 === 0;
    found.push({at, label: january ? String(month / 12) : MONTHS[month % 12], strong: january});
  }
  return found;
}
