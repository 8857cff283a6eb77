// The rows of the two lists of lectures.

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function rowButton(action, text, label, disabled = false) {
  const button = element('button', { textContent: text, disabled });
  button.dataset.do = action;
  button.setAttribute('aria-label', label);
  return button;
}

export function shippedRow([id, title, n]) {
  const item = element(
    'li',
    {},
    element('span', { className: 'name', textContent: `${title} (${n} views)` }),
    rowButton('start', 'Start', `Start ${title}`),
    rowButton('copy', 'Edit a copy', `Edit a copy of ${title}`),
  );
  item.dataset.id = id;
  return item;
}

export function entryRow([title, address, note], row, n, maxText) {
  const number = row + 1;
  const field = element('input', {
    type: 'text',
    value: note,
    maxLength: maxText,
    placeholder: 'Note to self',
  });
  field.setAttribute('aria-label', `Note to self, view ${number}`);
  const item = element(
    'li',
    {},
    element('span', { className: 'number', textContent: number }),
    element('a', { className: 'name', href: address, textContent: title, title: address, target: '_blank' }),
    field,
    rowButton('start', 'Start here', `Start at view ${number}`),
    rowButton('up', '\u2191', `Move view ${number} up`, row === 0),
    rowButton('down', '\u2193', `Move view ${number} down`, row === n - 1),
    rowButton('remove', 'Remove', `Remove view ${number}`),
  );
  item.dataset.row = row;
  return item;
}
