// A sheet of small pictures of the whole gallery, kept for the map's hover; nothing of it is visible here.
// It is asked for once the page has settled, and again every second until it is there (the server makes it in a thread).
const RETRY_MS = 1000;

export default function ({ data, setStateValue }) {
  if (!data?.length) return;
  const packet = unpack(data), { model } = packet, here = () => explorer.sprites?.model === model;
  const mine = (explorer._sprites ??= { tries: 0 });
  mine.stop?.();
  if (!here()) {
    if (packet.pictures) keep(packet);
    const ask = () => {
      if (here()) return;
      setStateValue('request', { model, seq: ++mine.tries });
      mine.stop = unasked(3 * RETRY_MS, RETRY_MS / 4, ask);
    };
    if (!packet.pictures) mine.stop = unasked(RETRY_MS, RETRY_MS / 4, ask);
  }
  return () => mine.stop?.();
}

function keep(packet) {
  received(packet);
  sheet(packet, 'pictures', packet.columns, (picture) => {
    const { names } = packet, word = (v) => v.toFixed(1);
    const text = (value) => { const e = document.createElement('i'); e.textContent = value; return e.innerHTML; };
    const terms = (row) => (Number.isFinite(packet.recon_loss[row])
      ? `recon ${word(packet.recon_loss[row])} + KL ${word(packet.kl[row])} nats<br>ELBO ${word(-packet.recon_loss[row] - packet.kl[row])} nats`
      : `KL ${word(packet.kl[row])} nats`);
    explorer.sprites = {
      model: packet.model, picture, columns: packet.columns, shape: packet.shape,
      tell: (row) => `<b>${text(names[packet.labels[row]] ?? 'image')}</b> &middot; image ${row}<br>${terms(row)}${packet.is_recon ? '<br>(reconstruction)' : ''}`,
    };
  });
}
