import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { KubernetesConfig, Orchestrator, OrchestratorDeps } from '../src/index.js';
import { openOrchestrator } from '../src/index.js';
import { kubeconfig } from './kubernetes-fixture.js';
import { KubernetesServer } from './kubernetes-server.js';
import { type TestDeps, tempFolder, testDeps, unwrap } from './support.js';

export interface KubernetesRig {
  readonly server: KubernetesServer;
  readonly orchestrator: Orchestrator;
  readonly deps: TestDeps;
  /** Where the user's token is. */
  readonly tokenFile: string;
  /** `GET /api/v1/pods`, without what it asks about. */
  requests(): string[];
}

export interface KubernetesRigOptions {
  readonly before?: (server: KubernetesServer) => void;
  readonly config?: Partial<KubernetesConfig>;
  readonly deps?: Partial<OrchestratorDeps>;
  readonly user?: (tokenFile: string) => Readonly<Record<string, unknown>>;
}

/** Starts Sage's side against a server of its own, closes both after the test, and holds all exchanged to the schema. */
export function kubernetesRigs(): (options?: KubernetesRigOptions) => Promise<KubernetesRig> {
  const open: KubernetesRig[] = [];
  afterEach(async () => {
    for (const { server, orchestrator } of open.splice(0)) {
      await orchestrator.close();
      await server.close();
      expect(server.problems).to.deep.equal([]);
    }
  });
  return async ({ before = () => {}, config, deps: more, user } = {}) => {
    const server = new KubernetesServer();
    before(server);
    const folder = tempFolder();
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'token-1');
    const byFile = { 'auth-provider': { name: 'tokenFile', config: { tokenFile } } };
    const path = kubeconfig(folder, await server.listen(), user?.(tokenFile) ?? byFile);
    const deps = testDeps(more);
    const orchestrator = unwrap(
      await openOrchestrator(
        {
          kind: 'kubernetes',
          kubeconfig: path,
          context: undefined,
          namespaces: [],
          selector: undefined,
          serviceLabel: undefined,
          ...config,
        },
        deps,
      ),
    );
    const rig: KubernetesRig = {
      server,
      orchestrator,
      deps,
      tokenFile,
      requests: () => server.requests.map(({ method, path: of }) => `${method} ${of}`),
    };
    open.push(rig);
    return rig;
  };
}
