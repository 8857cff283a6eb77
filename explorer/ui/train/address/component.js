// Writes the settings of the form into the address line, so that a reload restores them.

import { mounting } from '../../wire/mailbox.js';
import { replaceQuery } from '../../wire/page.js';

export default mounting('address', build, accept);

function build() {
  return { stop() {} };
}

function accept(_, data) {
  if (`?${data.query}` !== location.search) replaceQuery(data.query);
}
