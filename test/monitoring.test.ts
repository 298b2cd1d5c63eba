import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { type Monitoring, startMonitoring } from './support/monitoring.js';
import { waitFor } from './support/running-process.js';
import { requirePrograms } from './support/tools.js';

const OBJECTIVE =
  'sage_qos_objective_seconds{qos="search",service="frontend",operation="HTTP GET /hotels",quantile="0.99"} 0.12';

/** A histogram of 40 requests a second since the start, all fast or all slow. */
function exposition(fast: number, slow: number): string {
  const labels = 'service="frontend",operation="HTTP GET /hotels"';
  const bucket = (le: string, count: number) =>
    `http_server_request_duration_seconds_bucket{${labels},le="${le}"} ${count}`;
  return `${[bucket('0.1', fast), bucket('0.5', fast + slow), bucket('+Inf', fast + slow), OBJECTIVE].join('\n')}\n`;
}

describe('alerting/, in a real Prometheus and a real Alertmanager', function () {
  this.timeout(120_000);
  let server: Server;
  let monitoring: Monitoring | undefined;
  let slow = false;
  const counts = { fast: 0, slow: 0 };
  const posted: { status: string; alerts: { labels: Record<string, string> }[] }[] = [];
  let timer: NodeJS.Timeout;

  before(async function () {
    const tools = requirePrograms(this, {
      prometheus: ['prometheus'],
      alertmanager: ['prometheus-alertmanager', 'alertmanager'],
    });
    timer = setInterval(() => {
      counts[slow ? 'slow' : 'fast'] += 20;
    }, 500);
    server = createServer((request, response) => {
      if (request.method !== 'POST') {
        response.end(exposition(counts.fast, counts.slow));
        return;
      }
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        posted.push(JSON.parse(body));
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    monitoring = await startMonitoring({ ...tools, sagePort: port, requestsPort: port });
  });
  after(async () => {
    clearInterval(timer);
    await monitoring?.close();
    server?.closeAllConnections();
    server?.close();
  });

  it('posts a broken objective with its qos, and that it resolved', async () => {
    const { query, output } = monitoring as Monitoring;
    await waitFor(
      'the quantile',
      30_000,
      async () => (await query('slo:latency:seconds_rate30s'))[0],
      output,
    );
    expect(posted).to.deep.equal([]);
    slow = true;
    const firing = await waitFor('the webhook', 40_000, async () => posted[0], output);
    expect(firing.status).to.equal('firing');
    expect(firing.alerts[0]?.labels).to.include({
      alertname: 'SageObjectiveBroken',
      qos: 'search',
      severity: 'diagnose',
    });
    slow = false;
    await waitFor(
      'the resolution',
      80_000,
      async () => posted.find(({ status }) => status === 'resolved'),
      output,
    );
  });
});
