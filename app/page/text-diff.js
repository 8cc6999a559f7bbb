// What differs: documents field by field, texts word by word.

const ORDER = ["name", "description", "category", "status", "image_urls", "location_lat", "location_lon", "owner_id"];
const AFTERWARDS = ["created_at", "updated_at", "deleted_at", "version"];
export const BOOKKEEPING = new Set(["version", "updated_at"]);
const TOO_MANY = 30_000_000;

/** [{field, before, after, kind}] of two documents, either of which may be null. */
export function fieldsOf(before, after) {
  const known = [...ORDER, ...AFTERWARDS];
  const names = new Set([...known, ...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...names]
    .filter((field) => field !== "id" && (before?.[field] !== undefined || after?.[field] !== undefined))
    .map((field) => ({ field, before: before?.[field] ?? null, after: after?.[field] ?? null }))
    .map((each) => ({ ...each, kind: kindOf(each) }));
}

function kindOf({ before, after }) {
  if (JSON.stringify(before) === JSON.stringify(after)) return "same";
  if (before === null) return "added";
  return after === null ? "removed" : "changed";
}

/** The words of both texts: [kind, text], kind being same, removed or added. */
export function wordsOf(before, after) {
  const old = split(before), fresh = split(after);
  let start = 0;
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start++;
  let end = 0;
  while (end < old.length - start && end < fresh.length - start && old.at(-1 - end) === fresh.at(-1 - end)) end++;
  const middle = aligned(old.slice(start, old.length - end), fresh.slice(start, fresh.length - end));
  const all = [...old.slice(0, start).map(same), ...middle, ...old.slice(old.length - end).map(same)];
  return joined(all);
}

const split = (text) => text.match(/\s+|[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? [];
const same = (word) => ["same", word];

/** The longest common subsequence, by the usual table; what is longer than any text of an item is replaced as a whole. */
function aligned(old, fresh) {
  if (old.length * fresh.length > TOO_MANY) return [...old.map((w) => ["removed", w]), ...fresh.map((w) => ["added", w])];
  const width = fresh.length + 1;
  const lengths = new Uint16Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = fresh.length - 1; j >= 0; j--) {
      const here = i * width + j;
      lengths[here] = old[i] === fresh[j] ? lengths[here + width + 1] + 1 : Math.max(lengths[here + width], lengths[here + 1]);
    }
  }
  return walk(old, fresh, lengths, width);
}

function walk(old, fresh, lengths, width) {
  const found = [];
  let i = 0, j = 0;
  while (i < old.length || j < fresh.length) {
    const here = i * width + j;
    if (i < old.length && j < fresh.length && old[i] === fresh[j]) {
      found.push(["same", old[i++]]);
      j++;
    } else if (j >= fresh.length || (i < old.length && lengths[here + width] >= lengths[here + 1])) {
      found.push(["removed", old[i++]]);
    } else {
      found.push(["added", fresh[j++]]);
    }
  }
  return found;
}

/** What is removed in one place as one text, and then what is added there; a blank between two changes goes with them. */
function joined(parts) {
  const runs = [];
  let removed = "", added = "";
  const close = () => {
    if (removed) runs.push(["removed", removed]);
    if (added) runs.push(["added", added]);
    removed = added = "";
  };
  parts.forEach(([kind, word], n) => {
    const isBetween = kind === "same" && !word.trim() && parts[n - 1]?.[0] !== "same" && parts[n + 1]?.[0] !== "same";
    if (kind === "same" && !(isBetween && removed + added && parts[n + 1])) {
      close();
      if (runs.at(-1)?.[0] === "same") runs.at(-1)[1] += word;
      else runs.push(["same", word]);
    } else {
      if (kind !== "added") removed += word;
      if (kind !== "removed") added += word;
    }
  });
  close();
  return runs;
}
