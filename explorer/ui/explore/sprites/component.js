// Keeps a sheet of thumbnails of the gallery for the map's hover card; invisible itself. Requests the sheet
// when the page is idle, repeatedly until it arrives, since the server makes it in a thread.

import { countPacket, explorer } from '../../wire/cursor.js';
import { mounting, whenIdle } from '../../wire/mailbox.js';
import { loadSheet } from '../../wire/pictures.js';

const FIRST_MS = 1000;
const AGAIN_MS = 3000;
const RECHECK_SPRITES_MS = 250;

export default mounting('sprites', build, accept);

function build() {
  const s = { cancel: () => {} };
  s.stop = () => s.cancel();
  return s;
}

function accept(s, packet) {
  const { model, is_recon } = packet; // reconstructions are replaced by the images once their set is here
  const hasArrived = () => explorer.sprites?.model === model && explorer.sprites.isRecon === is_recon;
  s.cancel();
  if (hasArrived()) return;
  if (packet.pictures) return keep(packet);
  const ask = () => {
    if (hasArrived()) return;
    explorer._spriteRequests = (explorer._spriteRequests ?? 0) + 1;
    const request = { model, seq: explorer._spriteRequests };
    s.setState('request', request);
    s.cancel = whenIdle(AGAIN_MS, RECHECK_SPRITES_MS, ask);
  };
  s.cancel = whenIdle(FIRST_MS, RECHECK_SPRITES_MS, ask);
}

function keep(packet) {
  countPacket(packet);
  loadSheet(packet, 'pictures', packet.columns, (picture) => {
    const { model, is_recon, columns, shape } = packet;
    const describe = (row) => description(packet, row);
    explorer.sprites = { model, isRecon: is_recon, picture, columns, shape, describe };
    window.dispatchEvent(new CustomEvent('latent:sprites'));
  });
}

// The hover card's text, as HTML.
function description(packet, row) {
  const label = document.createElement('b');
  label.textContent = packet.names[packet.labels[row]] ?? 'image';
  const recon = packet.recon_loss[row];
  const kl = packet.kl[row];
  const terms = Number.isFinite(recon)
    ? `recon ${recon.toFixed(1)} + KL ${kl.toFixed(1)} nats<br>ELBO ${(-recon - kl).toFixed(1)} nats`
    : `KL ${kl.toFixed(1)} nats`;
  const note = packet.is_recon ? '<br>(reconstruction)' : '';
  return `${label.outerHTML} &middot; image ${row}<br>${terms}${note}`;
}
