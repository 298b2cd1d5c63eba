import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import {
  adviceIncident,
  emptyState,
  hostileState,
  hotelIncident,
  overtakenAdviceIncident,
  proposedIncident,
  replicaIncident,
  trainingState,
  twoCulpritsIncident,
} from './fixtures/hotel-incident.js';
import { collectErrors, countColours, launchChromium } from './support/browser.js';
import { type PageServer, startPageServer } from './support/page-server.js';
import { CHROMIUM, requirePrograms } from './support/tools.js';

describe('the incident page in Chromium', function () {
  this.timeout(60_000);
  let browser: Browser | undefined;
  let server: PageServer;
  let page: Page;
  let errors: string[];

  before(async function () {
    const { chromium } = requirePrograms(this, { chromium: CHROMIUM });
    browser = await launchChromium(chromium);
    server = await startPageServer(hotelIncident());
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });
  beforeEach(async () => {
    page = await (browser as Browser).newPage({ viewport: { width: 1280, height: 1000 } });
    errors = collectErrors(page);
  });
  afterEach(() => page.close());

  const open = async (state: object | number) => {
    server.respond(state);
    await page.goto(server.url);
  };
  const textOf = (selector: string) => page.locator(selector).textContent();

  it('marks the culprit with its resource, and slow services as not the cause', async () => {
    await open(hotelIncident());
    await page.waitForSelector('.service.culprit');
    expect(await page.locator('.service.culprit').count()).to.equal(1);
    expect(await page.locator('.service.culprit').getAttribute('data-service')).to.equal('rate');
    expect(await page.locator('.service.culprit .badge').textContent()).to.equal('CAUSE · cpu');
    expect(await page.locator('.service.slow .badge').allTextContents()).to.deep.equal([
      'slow, not the cause',
      'slow, not the cause',
    ]);
    expect(await textOf('#answer')).to.contain('The cause is rate · cpu (97 %, 346 ms of 412 ms)');
    expect(errors).to.deep.equal([]);
  });

  it('names the replica that alone is bad, and what sets it apart', async () => {
    await open(replicaIncident());
    await page.waitForSelector('.service.culprit');
    expect(await textOf('#answer')).to.contain('The cause is rate · cpu · replica rate-2 (97 %');
    expect(await textOf('#evidence')).to.contain('time in replica rate-2 against the others380 ms12 ms');
    expect(errors).to.deep.equal([]);
  });

  it('places callers left of callees', async () => {
    await open(hotelIncident());
    const left = async (name: string) =>
      (await page.locator(`[data-service="${name}"]`).boundingBox())?.x ?? Number.NaN;
    const chain = [
      await left('frontend'),
      await left('search'),
      await left('rate'),
      await left('mongodb-rate'),
    ];
    expect(chain).to.deep.equal([...chain].sort((a, b) => a - b));
    expect(new Set(chain).size).to.equal(4);
  });

  it('draws a counterfactual bar for each candidate, shorter than the threshold only for the cause', async () => {
    await open(hotelIncident());
    await page.waitForSelector('#bars .bar-row');
    expect(await page.locator('#bars .bar-row').count()).to.equal(7);
    expect(await page.locator('#bars .would.holds').count()).to.equal(1);
    expect(await page.locator('#bars .blamed').getAttribute('data-candidate')).to.equal('rate');
    expect(await page.locator('#resources .blamed').getAttribute('data-candidate')).to.equal('rate · cpu');
    const cause = await page.locator('#bars .blamed .would').boundingBox();
    const observed = await page.locator('#bars .blamed .track').boundingBox();
    expect((cause?.width ?? 0) / (observed?.width ?? 0)).to.be.closeTo(66 / 412, 0.02);
    expect(await textOf('#evidence')).to.contain('61 %');
  });

  it('reads out the window under the pointer and under the arrow keys', async () => {
    await open(hotelIncident());
    const chart = page.locator('#chart-drawing');
    expect(await textOf('#chart-reading')).to.match(/latest, [\d:]+.*search.*\(broken\)/s);
    await chart.hover({ position: { x: 200, y: 100 } });
    expect(await textOf('#chart-reading'))
      .to.match(/at [\d:]+/)
      .and.not.contain('broken');
    const before = await textOf('#chart-reading');
    await chart.press('ArrowRight');
    expect(await textOf('#chart-reading')).to.not.equal(before);
  });

  it('tells the chosen incident and what was done about it', async () => {
    await open(hotelIncident());
    expect(await textOf('.story')).to.contain('1 process beside rate is held back.');
    await page.getByRole('button', { name: /recommend: undetermined/ }).click();
    expect(await textOf('.story')).to.contain('recommend p99 is back at 31 ms');
    expect(await textOf('#answer')).to.contain('cannot be determined');
    expect(page.url()).to.match(/#20260303T100210-recommend$/);
  });

  it('lets a plan be approved, with a token where the engine wants one', async () => {
    await open(proposedIncident());
    expect(await textOf('.actions')).to.contain('proposed 1 process beside rate is held back.');
    expect(await page.locator('.story h3').allTextContents()).to.include('What waits for approval');
    expect(await page.locator('.story h3').allTextContents()).not.to.include('What was done');
    await page.getByRole('button', { name: 'A plan waits for approval' }).click();
    server.requireToken('right');
    const approve = page.getByRole('button', { name: 'Approve' });
    await approve.click();
    await page.getByText('The engine wants a token for this.').waitFor();
    await page.getByLabel('Token').fill('wrong');
    await approve.click();
    await page.getByText('That is not the right token.').waitFor();
    // Drawn anew with a window, what was said and typed stays.
    const later = proposedIncident();
    const points = Object.entries(later.series).map(([name, list]) => [
      name,
      list.map((point) => ({ ...point, t: point.t + 10_000 })),
    ]);
    server.respond({ ...later, series: Object.fromEntries(points) });
    await page.waitForTimeout(1500);
    expect(await page.getByLabel('Token').inputValue()).to.equal('wrong');
    await page.getByLabel('Token').fill('right');
    await approve.click();
    await page.getByText('Approved.').waitFor();
    expect(await approve.isDisabled()).to.equal(true);
    expect(server.decisions).to.deep.equal([
      {
        path: '/api/v1/incidents/20260303T101325-search/plans/1/approve',
        authorization: 'Bearer right',
      },
    ]);
    server.respond(hotelIncident());
    await page.locator('.outcome.applied').waitFor();
    expect(await page.getByRole('button', { name: 'Approve' }).count()).to.equal(0);
    expect(await page.locator('#waiting').count()).to.equal(0);
    expect(await page.locator('.story h3').allTextContents()).to.include('What was done');
  });

  it('speaks of nothing done where there is advice alone', async () => {
    await open(adviceIncident());
    await page.locator('.recommendations').waitFor();
    expect(await page.locator('.story h3').allTextContents()).to.deep.equal([
      'What happened',
      'What a person should do',
    ]);
    expect(await page.locator('#waiting').count()).to.equal(0);
  });

  it('gives advice of an earlier diagnosis no more once a later one has its plan', async () => {
    await open(overtakenAdviceIncident());
    await page.locator('.recommendations').waitFor();
    expect(await page.locator('.recommendations li').allTextContents()).to.deep.equal([
      'Give rate a processor of its own, or a second replica.',
    ]);
    expect(await textOf('.timeline')).to.contain('Look at it yourself');
  });

  it('gives the latest advice about each cause', async () => {
    await open(twoCulpritsIncident());
    await page.locator('.recommendations').waitFor();
    expect(await page.locator('.recommendations li').allTextContents()).to.deep.equal([
      'Give rate a processor of its own, or a second replica.',
      'Move geo to another node.',
    ]);
  });

  const states: [string, object, string[]][] = [
    [
      'before the first span',
      emptyState(),
      ['0 of 60 windows', 'No calls seen yet', 'no data yet', 'None so far'],
    ],
    ['while training', trainingState(), ['epoch 34 of 80, loss 0.413, R² 0.87']],
    ['watching', hotelIncident(), ['Watching', 'median R² 0.94']],
  ];
  for (const [name, state, texts] of states) {
    it(`says what it does: ${name}`, async () => {
      await open(state);
      await page.waitForSelector('body.loaded');
      const text = await page.locator('body').textContent();
      for (const expected of texts) expect(text).to.contain(expected);
      expect(errors).to.deep.equal([]);
    });
  }

  it('says so when the engine does not answer, and recovers', async () => {
    await open(503);
    await page.waitForSelector('#problem:not([hidden])');
    expect(await textOf('#problem')).to.contain('it answered 503');
    server.respond(hotelIncident());
    await page.waitForSelector('.service.culprit');
    expect(await page.locator('#problem').isHidden()).to.equal(true);
    server.respond(500);
    await page.waitForSelector('#problem:not([hidden])');
    expect(await textOf('#problem')).to.contain('What is shown below is from');
    expect(await page.locator('.service.culprit').count()).to.equal(1);
  });

  it('shows hostile names as text', async () => {
    const payload = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>&amp;';
    await open(hostileState(payload));
    await page.waitForSelector('.service.culprit');
    expect(await page.locator('#bars .blamed .bar-name').textContent()).to.equal(payload);
    expect(await page.locator('main img, main script').count()).to.equal(0);
    expect(await page.evaluate('window.hacked')).to.equal(undefined);
    expect(errors).to.deep.equal([]);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1280, 400]) {
      it(`is drawn and fits, ${colorScheme}, ${width} pixels wide`, async () => {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 900 });
        await open(hotelIncident());
        await page.waitForSelector('.service.culprit');
        const overflow = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
        expect(overflow, 'pixels beyond the right edge').to.be.at.most(0);
        expect(await countColours(page, await page.screenshot())).to.be.greaterThan(50);
      });
    }
  }
});
