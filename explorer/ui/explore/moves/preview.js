// Shared by all tabs: previewing a frame on the stage, the note, drop-down lists, arrow keys.

export const STEP_KEYS = {
  ArrowRight: 1,
  ArrowUp: 1,
  ArrowLeft: -1,
  ArrowDown: -1,
  PageUp: 4,
  PageDown: -4,
  Home: -1e6,
  End: 1e6,
};

export function showNote(s, text) {
  s.$('.note').textContent = text;
  s.$('.note').title = text;
}

// What the stage needs to show a frame.
export function frameDetail({ picture, packet }, frame, event) {
  const { latent_dim, columns, shape, plane } = packet;
  return {
    picture,
    index: frame,
    columns,
    shape,
    z: [...packet.z.subarray(frame * latent_dim, (frame + 1) * latent_dim)],
    xy: [packet.xy[2 * frame], packet.xy[2 * frame + 1]],
    support: packet.support[frame],
    plane,
    event,
  };
}

// Shows a frame on the stage synchronously, within the event handler. The next request will carry its z.
export function previewFrame(s, frame, event) {
  const detail = { ...frameDetail(s, frame, event), source: s.source, seq: s.mail.seq + 1 };
  s.scrubbedZ = detail.z;
  window.dispatchEvent(new CustomEvent('latent:preview', { detail }));
}

// Fills a drop-down list with [id, name] pairs if they have changed.
export function setOptions(select, pairs, value) {
  const text = JSON.stringify(pairs);
  if (select.dataset.options !== text) {
    select.dataset.options = text;
    select.replaceChildren(...pairs.map(([id, name]) => new Option(name, id)));
  }
  select.value = value;
}
