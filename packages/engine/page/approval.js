import { html } from './dom.js';

/** Kept while the page is open, and nowhere else. */
let token;
/** What was said about each plan so far: the page is drawn anew with every window. */
const talks = new Map();

/** Of the element that asks for the approval of a plan. */
export function approvalId(incident, number) {
  return `plan-${incident.id}-${number}`;
}

/** The buttons of a plan that waits, which is number `number` of its incident. What comes of it the next state shows. */
export function approval(incident, number) {
  const id = approvalId(incident, number);
  const talk = talks.get(id) ?? { text: '', wantsToken: false, typed: '', busy: false };
  talks.set(id, talk);
  const secret = html('input', {
    type: 'password',
    id: `${id}-token`,
    'aria-label': 'Token',
    placeholder: 'Token',
    autocomplete: 'off',
    hidden: !talk.wantsToken,
    oninput: (event) => {
      talk.typed = event.target.value;
    },
  });
  secret.value = talk.typed;
  const button = (verb, text) =>
    html(
      'button',
      {
        type: 'button',
        id: `${id}-${verb}`,
        disabled: talk.busy,
        onclick: () => decide(verb),
      },
      text,
    );
  const redraw = () => document.getElementById(id)?.replaceWith(approval(incident, number));
  const decide = async (verb) => {
    if (talk.wantsToken) token = talk.typed;
    Object.assign(talk, { busy: true, text: 'Asking the engine…' });
    redraw();
    Object.assign(talk, await ask(incident.id, number, verb));
    redraw();
    if (talk.wantsToken) document.getElementById(`${id}-token`)?.focus();
  };
  return html(
    'div',
    { class: 'approval', id },
    button('approve', 'Approve'),
    button('reject', 'Reject'),
    secret,
    html('p', { class: 'note', role: 'status' }, talk.text),
  );
}

/** `busy`: decided, so that there is nothing left to press. */
async function ask(incidentId, number, verb) {
  const path = `api/v1/incidents/${encodeURIComponent(incidentId)}/plans/${number}/${verb}`;
  const authorization = token ? { authorization: `Bearer ${token}` } : {};
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...authorization },
      body: '{}',
    });
    const { error = `The engine answered ${response.status}.` } = await response.json().catch(() => ({}));
    if (response.ok) {
      return { busy: true, wantsToken: false, text: verb === 'approve' ? 'Approved.' : 'Rejected.' };
    }
    const wantsToken =
      response.status === 401 && /^bearer/i.test(response.headers.get('www-authenticate') ?? '');
    const wanted = token ? 'That is not the right token.' : 'The engine wants a token for this.';
    return { busy: false, wantsToken, text: wantsToken ? wanted : error };
  } catch (error) {
    return { busy: false, text: `The engine did not answer: ${error.message}` };
  }
}
