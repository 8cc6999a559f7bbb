// The difference between two texts, word by word.

const TABLE_CELLS_MAX = 30_000_000;

/** The parts of both texts as [kind, text]. A kind is same, removed or added. */
export function diffWords(before, after) {
  const old = wordsIn(before), current = wordsIn(after);
  let start = 0;
  while (start < old.length && start < current.length && old[start] === current[start]) start++;
  let end = 0;
  while (end < old.length - start && end < current.length - start && old.at(-1 - end) === current.at(-1 - end)) end++;
  const middle = alignWords(old.slice(start, old.length - end), current.slice(start, current.length - end));
  const all = [...old.slice(0, start).map(same), ...middle, ...old.slice(old.length - end).map(same)];
  return mergeParts(all);
}

const wordsIn = (text) => text.match(/\s+|[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? [];
const same = (word) => ["same", word];

/** Align words by their longest common subsequence. Texts longer than any text of an item are replaced as a whole. */
function alignWords(old, current) {
  if (old.length * current.length > TABLE_CELLS_MAX) return [...old.map((w) => ["removed", w]), ...current.map((w) => ["added", w])];
  const width = current.length + 1;
  const lengths = new Uint16Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = current.length - 1; j >= 0; j--) {
      const here = i * width + j;
      lengths[here] = old[i] === current[j] ? lengths[here + width + 1] + 1 : Math.max(lengths[here + width], lengths[here + 1]);
    }
  }
  return backtrack(old, current, lengths, width);
}

function backtrack(old, current, lengths, width) {
  const found = [];
  let i = 0, j = 0;
  while (i < old.length || j < current.length) {
    const here = i * width + j;
    if (i < old.length && j < current.length && old[i] === current[j]) {
      found.push(["same", old[i++]]);
      j++;
    } else if (j >= current.length || (i < old.length && lengths[here + width] >= lengths[here + 1])) {
      found.push(["removed", old[i++]]);
    } else {
      found.push(["added", current[j++]]);
    }
  }
  return found;
}

/** Merge adjacent parts: one removed text, then one added text. A blank between two changes belongs to both. */
function mergeParts(parts) {
  const runs = [];
  let removed = "", added = "";
  const flush = () => {
    if (removed) runs.push(["removed", removed]);
    if (added) runs.push(["added", added]);
    removed = added = "";
  };
  parts.forEach(([kind, word], n) => {
    const isBetween = kind === "same" && !word.trim() && parts[n - 1]?.[0] !== "same" && parts[n + 1]?.[0] !== "same";
    if (kind === "same" && !(isBetween && removed + added && parts[n + 1])) {
      flush();
      if (runs.at(-1)?.[0] === "same") runs.at(-1)[1] += word;
      else runs.push(["same", word]);
    } else {
      if (kind !== "added") removed += word;
      if (kind !== "removed") added += word;
    }
  });
  flush();
  return runs;
}
