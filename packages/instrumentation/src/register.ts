import { trace } from '@opentelemetry/api';
import { optionsFromEnvironment } from './environment.js';
import { traceFetch } from './fetch-spans.js';
import { traceHttpClients } from './http-client-spans.js';
import { traceHttpServers } from './http-server-spans.js';
import { startInstrumentation } from './start.js';

/** To be loaded before the service: `node --import @sage/instrumentation/register service.js`. See README.md. */
function register(): void {
  if (process.env.OTEL_SDK_DISABLED === 'true') return;
  const options = optionsFromEnvironment(process.env);
  const started = options.ok ? startInstrumentation(options.value) : options;
  if (!started.ok) {
    // A service that cannot be watched still serves.
    process.stderr.write(`@sage/instrumentation: no telemetry is sent: ${started.message}\n`);
    return;
  }
  const tracer = trace.getTracer('@sage/instrumentation');
  traceHttpServers(tracer);
  traceHttpClients(tracer);
  traceFetch(tracer);
  process.once('beforeExit', () => void started.value.shutdown());
}

register();
