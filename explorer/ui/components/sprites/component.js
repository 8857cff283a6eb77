// A sheet of small pictures of the whole gallery, kept for the map's hover; nothing of it is visible here.
export default function ({ data }) {
  if (!data?.length) return;
  const packet = unpack(data);
  if (explorer.sprites?.model === packet.model) return;
  received(packet);
  sheet(packet, 'pictures', packet.columns, (picture) => {
    const { names } = packet, word = (v, digits = 1) => v.toFixed(digits);
    const text = (value) => { const e = document.createElement('i'); e.textContent = value; return e.innerHTML; };
    explorer.sprites = {
      model: packet.model, picture, columns: packet.columns, shape: packet.shape,
      tell: (row) => `<b>${text(names[packet.labels[row]] ?? 'image')}</b> &middot; image ${row}<br>` +
        (Number.isFinite(packet.recon_loss[row]) ? `recon ${word(packet.recon_loss[row])} + KL ${word(packet.kl[row])} nats<br>ELBO ${word(-packet.recon_loss[row] - packet.kl[row])} nats` : `KL ${word(packet.kl[row])} nats`) +
        (packet.is_recon ? '<br>(reconstruction)' : ''),
    };
  });
}
