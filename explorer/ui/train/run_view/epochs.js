// Selects the epoch that a run's view shows. Needs no DOM. The key of an epoch is "epoch:stamp"; keys are
// sorted by epoch.

export const epochOf = (key) => +key.split(':')[0];

// The epochs that any of the models has, each once. `lists`: the keys of each model.
export function unionOf(lists) {
  const byEpoch = new Map(lists.flat().map((key) => [epochOf(key), key]));
  return [...byEpoch.keys()].sort((a, b) => a - b).map((epoch) => byEpoch.get(epoch));
}

// The index of the wanted epoch (null: the newest), or of the last one before it; -1 without epochs.
export function chosenIndex(keys, wanted) {
  if (wanted === null || !keys.length) return keys.length - 1;
  return Math.max(
    0,
    keys.findLastIndex((key) => epochOf(key) <= wanted),
  );
}

// The wanted epoch after a selection of the one at `index`. The last one means "the newest", which then
// follows the training.
export const wantedAt = (keys, index) => (index >= keys.length - 1 ? null : epochOf(keys[index]));

export function epochText(key, isLive) {
  if (key === null) return '';
  const epoch = epochOf(key);
  return epoch === 0 ? 'epoch 0, untrained' : `epoch ${epoch}${isLive ? ', live' : ''}`;
}

// The numbers at column `index` of a packet's marks (negative: from the end).
export function markAt(marks, index) {
  const n = marks.length / 6;
  const [epoch, step, total, recon, kl, active] = Array.from(
    { length: 6 },
    (_, row) => marks[row * n + (index < 0 ? n + index : index)],
  );
  return { epoch, step, total, recon, kl, active };
}

// Whether a trained model uses none of its dimensions.
export const isCollapsed = (mark) => mark.epoch > 0 && mark.active === 0;
