import { expect } from 'chai';
import { type Lease, Pool } from '../src/index.js';

async function take(pool: Pool): Promise<Lease> {
  const outcome = await pool.acquire();
  if (!outcome.ok) throw new Error(outcome.message);
  return outcome.value;
}

describe('Pool', () => {
  it('serves waiters in the order in which they came, and tells each wait', async () => {
    let nowMs = 0;
    const waits: number[] = [];
    const pool = new Pool({ name: 'db', size: 1, nowMs: () => nowMs, onWait: (s) => waits.push(s) });
    const first = await take(pool);
    const order: string[] = [];
    const b = take(pool).then((lease) => [order.push('b'), lease] as const);
    const c = take(pool).then((lease) => [order.push('c'), lease] as const);
    expect(pool.state()).to.deep.equal({ pool: 'db', size: 1, inUse: 1, pending: 2 });
    nowMs = 40;
    first.release();
    const [, second] = await b;
    nowMs = 100;
    second.release();
    await c;
    expect(order).to.deep.equal(['b', 'c']);
    expect(waits).to.deep.equal([0, 0.04, 0.1]);
    expect(pool.takeMeanPending()).to.be.closeTo((2 * 40 + 60) / 100, 1e-9);
    pool.close();
  });

  it('a second release of the same lease gives nothing back', async () => {
    const pool = new Pool({ name: 'db', size: 2 });
    const lease = await take(pool);
    await take(pool);
    lease.release();
    lease.release();
    expect(pool.state().inUse).to.equal(1);
  });

  it('growing serves waiters at once; shrinking takes effect as connections come back', async () => {
    const pool = new Pool({ name: 'db', size: 1 });
    const first = await take(pool);
    const waiting = take(pool);
    pool.resize(2);
    const second = await waiting;
    pool.resize(1);
    expect(pool.state()).to.include({ size: 1, inUse: 2 });
    first.release();
    const third = take(pool);
    expect(pool.state().pending).to.equal(1);
    second.release();
    (await third).release();
    expect(pool.state()).to.include({ inUse: 0, pending: 0 });
  });

  it('gives up after the time-out, refuses when the queue is full, and ends its waiters when closed', async () => {
    const pool = new Pool({ name: 'db', size: 1, acquireTimeoutMs: 20, maxPending: 1 });
    await take(pool);
    const waiting = pool.acquire();
    expect(await pool.acquire()).to.include({ ok: false, reason: 'queue-full' });
    expect(await waiting).to.include({ ok: false, reason: 'timeout' });
    const last = pool.acquire();
    pool.close();
    expect(await last).to.include({ ok: false, reason: 'closed' });
    expect(await pool.acquire()).to.include({ ok: false, reason: 'closed' });
  });

  for (const size of [0, -1, 1.5, Number.NaN]) {
    it(`refuses a size of ${size}`, () => {
      expect(() => new Pool({ name: 'db', size })).to.throw(/pool db: size must be a whole number/);
    });
  }
});
