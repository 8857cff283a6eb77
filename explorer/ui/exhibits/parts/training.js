// The settings of an exhibit that trains models, and the buttons that train and stop them.

export function buildTraining(s) {
  for (const field of s.root.querySelectorAll('[data-setting]'))
    field.addEventListener('change', () => {
      const value = field.type === 'checkbox' ? (field.checked ? 'on' : 'off') : field.value;
      s.set({ [field.dataset.setting]: value });
      s.send.flush();
    });
  for (const kind of ['train', 'stop'])
    s.$(`[data-do=${kind}]`).addEventListener('click', () => {
      if (s.send.pending()) s.send.flush();
      s.mail.ask({ kind });
    });
}

export function acceptTraining(s, packet) {
  const { settings, status, can_train, is_live } = packet;
  if (s.isSettled())
    for (const field of s.root.querySelectorAll('[data-setting]')) {
      const value = settings[field.dataset.setting];
      if (field.type === 'checkbox') field.checked = value === 'on';
      else field.value = value;
    }
  s.$('[data-do=train]').hidden = !can_train;
  s.$('[data-do=stop]').hidden = !is_live;
  s.$('.le-status').textContent = status;
}
