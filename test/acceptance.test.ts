import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@sage/demo';
import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { collectErrors, countColours, launchChromium } from './support/browser.js';
import { type Monitoring, startMonitoring } from './support/monitoring.js';
import { REPOSITORY } from './support/repository.js';
import { RunningProcess, waitFor } from './support/running-process.js';
import { CHROMIUM, findWantedProgram, requirePrograms } from './support/tools.js';

const MINUTE = 60_000;
const SEED = 3;
const FIRING = 'ALERTS{alertname="SageObjectiveBroken",alertstate="firing"}';

interface IncidentSummary {
  readonly id: string;
  readonly objective: string;
  readonly status: 'open' | 'closed';
  readonly sources: readonly string[];
  readonly diagnosis: { readonly culprits: readonly { service: string; resource: string }[] } | null;
}

/** What the demo writes with --json; only what this test reads. */
interface DemoResult {
  readonly fault: { readonly service: string; readonly resource: string } | null;
  readonly right: boolean;
  readonly recovered: boolean;
  readonly success: boolean;
}

describe('the whole of Sage, with a real Prometheus and Alertmanager, seen in Chromium', function () {
  this.timeout(9 * MINUTE);
  let tools: { prometheus: string; alertmanager: string };
  let chromium: string | undefined;
  let folder: string;
  let demo: RunningProcess | undefined;
  let monitoring: Monitoring | undefined;
  let browser: Browser | undefined;

  before(async function () {
    tools = requirePrograms(this, {
      prometheus: ['prometheus'],
      alertmanager: ['prometheus-alertmanager', 'alertmanager'],
    });
    chromium = findWantedProgram('chromium', CHROMIUM, 'no picture is taken');
    folder = await mkdtemp(join(tmpdir(), 'sage-acceptance-'));
  });
  after(async () => {
    await browser?.close();
    await demo?.stop('SIGINT');
    await monitoring?.close();
    if (folder !== undefined) await rm(join(folder, 'result.json'), { force: true });
  });

  it('finds the injected cause when Alertmanager calls, publishes it, and takes it back after recovery', async () => {
    const [port, loadPort] = [await freePort(), await freePort()];
    const url = `http://127.0.0.1:${port}`;
    const resultFile = join(folder, 'result.json');
    monitoring = await startMonitoring({ ...tools, sagePort: port, requestsPort: loadPort });
    demo = new RunningProcess(process.execPath, [
      join(REPOSITORY, 'packages/cli/dist/src/main.js'),
      // Without --once Sage stays up after the incident: what it takes back is not gone because Sage is.
      ...['demo', '--seed', String(SEED), '--trigger', 'alertmanager', '--no-color'],
      ...['--port', String(port), '--load-metrics-port', String(loadPort), '--json', resultFile],
    ]);
    const { query } = monitoring;
    const context = () => `the demo:\n${demo?.output}\n${monitoring?.output()}`;
    const wait = <T>(what: string, minutes: number, question: () => Promise<T | undefined>) =>
      waitFor(what, minutes * MINUTE, question, context);
    // The demo must be there to the end of the test: its early end is reported at once.
    const during = <T>(work: Promise<T>): Promise<T> =>
      Promise.race([
        work,
        (demo as RunningProcess).exited.then((code) => {
          throw new Error(`the demo ended too early, exit code ${code}\n${context()}`);
        }),
      ]);

    const incidents = async () =>
      (await (await fetch(`${url}/api/v1/incidents`)).json()) as readonly IncidentSummary[];
    await during(wait('the page', 2, async () => (demo?.output.includes('The page: ') ? true : undefined)));
    browser = chromium === undefined ? undefined : await launchChromium(chromium);
    const view = browser === undefined ? undefined : await openPage(browser, url);
    await during(
      wait('the fault', 6, async () => (demo?.output.includes('A fault begins now') ? true : undefined)),
    );
    // Nobody is to be blamed before there is a fault; the result says so, too.
    const early = await incidents();
    await during(wait('the alert', 1.5, async () => ((await query(FIRING)).length > 0 ? true : undefined)));
    const incident = await during(
      wait('the diagnosed incident', 1.5, async () =>
        (await incidents()).find(
          ({ id, diagnosis }) =>
            (diagnosis?.culprits.length ?? 0) > 0 && !early.some((known) => known.id === id),
        ),
      ),
    );
    expect(incident.sources).to.deep.equal(['alertmanager']);
    expect((await query(FIRING)).map(({ metric }) => metric.qos)).to.include(incident.objective);

    const [series, screenshot] = await during(
      Promise.all([
        wait('the series sage_root_cause', 0.5, async () => {
          const found = await query('sage_root_cause');
          return found.length > 0 ? found : undefined;
        }),
        view === undefined ? undefined : photograph(view, folder),
      ]),
    );
    if (screenshot !== undefined) process.stdout.write(`      screenshot: ${screenshot}\n`);

    // Whether it has resolved is Prometheus' own judgement of the requests.
    await during(
      wait('the alert to resolve', 2.5, async () => ((await query(FIRING)).length === 0 ? true : undefined)),
    );
    await during(
      wait('sage_root_cause to go, with Sage still there', 0.5, async () =>
        (await query('up{job="sage"} == 1 unless on () sage_root_cause')).length === 1 ? true : undefined,
      ),
    );
    const result = await during(
      wait('the result', 0.5, async () => JSON.parse(await readFile(resultFile, 'utf8')) as DemoResult),
    );
    expect(result, context()).to.deep.include({ right: true, recovered: true, success: true });
    const named = series.map(({ metric }) => ({
      qos: metric.qos,
      service: metric.service,
      resource: metric.resource,
    }));
    const { service, resource } = result.fault ?? {};
    expect(named).to.deep.include({ qos: incident.objective, service, resource });
  });
});

interface View {
  readonly page: Page;
  /** What the page has complained of so far. */
  readonly errors: readonly string[];
}

/** Opens the page while all is calm: a browser that starts takes from the application what it needs to meet its objectives. */
async function openPage(browser: Browser, url: string): Promise<View> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1400 } });
  const errors = collectErrors(page);
  await page.goto(`${url}/`);
  return { page, errors };
}

/** The page during the incident; checks what a person would check first, and says where the picture is. */
async function photograph({ page, errors }: View, folder: string): Promise<string> {
  await page.waitForSelector('#bars .bar-row');
  const picture = await page.screenshot({ fullPage: true });
  const file = join(folder, 'incident.png');
  await writeFile(file, picture);
  expect(await countColours(page, picture)).to.be.greaterThan(50);
  expect(await page.locator('.service').count()).to.be.greaterThan(3);
  expect(errors).to.deep.equal([]);
  return file;
}
