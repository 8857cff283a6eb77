// Which epoch a run's view shows. Needs no DOM. An epoch's key is "epoch:stamp"; keys are in the order of
// their epochs.

export const epochOf = (key) => +key.split(':')[0];

// The index of the epoch wanted, or of the last before it; null: the newest. -1 where there is none.
export function chosenIndex(keys, wanted) {
  if (wanted === null) return keys.length - 1;
  return Math.max(
    0,
    keys.findLastIndex((key) => epochOf(key) <= wanted),
  );
}

// The epoch to want when the one at `index` is chosen. The last one means the newest, also when further
// epochs come.
export const wantedAt = (keys, index) => (index >= keys.length - 1 ? null : epochOf(keys[index]));

export function epochText(key, isLive) {
  if (key === null) return '';
  const epoch = epochOf(key);
  return epoch === 0 ? 'epoch 0, untrained' : `epoch ${epoch}${isLive ? ', live' : ''}`;
}
