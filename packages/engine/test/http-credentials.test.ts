import { expect } from 'chai';
import { authorization, type Credentials, isAuthorized } from '../src/http/credentials.js';
import { post, rigsOfEachTest, webhook } from './support.js';

const bearer: Credentials = { kind: 'bearer', token: 'secret' };
const basic: Credentials = { kind: 'basic', username: 'me', password: 'pässword:1' };
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('credentials', () => {
  const cases: [string, string | undefined, Credentials, boolean][] = [
    ['what it sends itself', authorization(bearer), bearer, true],
    ['what it sends itself', authorization(basic), basic, true],
    ['a scheme in small letters', 'bearer secret', bearer, true],
    ['user and password of others', `Basic ${base64('me:other')}`, basic, false],
    ['a token for a password', `Bearer ${base64('me:pässword:1')}`, basic, false],
    ['a password for a token', `Basic ${base64('secret')}`, bearer, false],
    ['a longer token', 'Bearer secrets', bearer, false],
    ['two values', 'Bearer secret secret', bearer, false],
    ['no value', 'Bearer', bearer, false],
    ['no header', undefined, bearer, false],
  ];
  for (const [name, header, credentials, expected] of cases) {
    it(`${credentials.kind}: ${expected ? 'takes' : 'refuses'} ${name}`, () => {
      expect(isAuthorized(header, credentials)).to.equal(expected);
    });
  }
});

describe('a webhook with user and password', () => {
  const startRig = rigsOfEachTest();

  it('is asked for them', async () => {
    const basicAuth = { username: 'alertmanager', password_file: 'token' };
    const rig = await startRig({ extra: { alertmanager: { basic_auth: basicAuth } } });
    const send = (credentials: Credentials) =>
      post(rig.url('/api/v1/alerts'), webhook(), { authorization: authorization(credentials) });
    const refused = await send(bearer);
    expect(refused.status).to.equal(401);
    expect(refused.headers.get('www-authenticate')).to.match(/^Basic realm="sage"/);
    expect(await refused.text()).to.match(/Authorization: Basic/);
    expect((await send({ kind: 'basic', username: 'alertmanager', password: 'secret' })).status).to.equal(
      200,
    );
  });
});
