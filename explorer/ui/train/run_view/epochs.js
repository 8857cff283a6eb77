// Selects the epoch that a run's view shows. Needs no DOM. The key of an epoch is "epoch:stamp"; keys are
// sorted by epoch.

export const epochOf = (key) => +key.split(':')[0];

// The index of the wanted epoch (null: the newest), or of the last one before it; -1 without epochs.
export function chosenIndex(keys, wanted) {
  if (wanted === null) return keys.length - 1;
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
