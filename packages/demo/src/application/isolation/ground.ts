import type { ChildProcess } from 'node:child_process';
import type { Address } from '../component/config.js';

/** What keeps the components apart: namespaces and control groups, or what an ordinary user has. */
export type Isolation = 'kernel' | 'user';

/** Nothing keeps them apart, and nothing stands between them, where what is measured is the application alone. */
export type GroundKind = Isolation | 'none';

/** One target of the node agent, as its YAML writes it. */
export interface AgentTarget {
  readonly name: string;
  readonly pids: readonly number[];
  readonly cgroup?: string;
  readonly max_cpu_cores: number;
  readonly link?: { readonly device: string; readonly classid: string; readonly max_mbit: number };
  readonly relay?: { readonly url: string; readonly link: string; readonly nominal_delay_ms: number };
  readonly pools_url?: string;
  readonly max_pool_size: number;
  readonly probe?: { readonly host: string; readonly port: number; readonly mode: 'connect' | 'echo' };
}

/** A component that runs: its process, and where it itself listens. */
export interface Placed {
  readonly name: string;
  readonly pid: number;
  readonly address: Address;
}

/** The ground that components stand on. */
export interface Ground {
  readonly isolation: GroundKind;
  /** Where a component shall listen; port 0 where it may choose. */
  bindAddress(name: string): Address;
  /** Where callers reach it. */
  peerAddress(name: string): Address;
  /** Starts its process; rejects with a reason where that fails. */
  launch(name: string, args: readonly string[], stderr: number): Promise<ChildProcess>;
  /** Once it listens: the limits and lines it runs under. */
  settle(component: Placed): Promise<void>;
  /** What the node agent may measure and turn, without the parts every component has. */
  knobs(component: Placed): Pick<AgentTarget, 'cgroup' | 'link' | 'relay' | 'probe'>;
  /** After all components have ended. */
  close(): Promise<void>;
}
