import type { DockerServer } from './docker-server.js';

export const REPLICATED = { Replicated: { Replicas: 2 } };
export const STACK = { 'com.docker.stack.namespace': 'shop' };

/** `cart` of the stack `shop`: two tasks on two nodes. */
export function cart(server: DockerServer): void {
  server.addNode('node-1');
  server.addNode('node-2');
  server.addService('shop_cart', REPLICATED, STACK);
  server.addTask('shop_cart', 'task-a', 'node-1');
  server.addTask('shop_cart', 'task-b', 'node-2');
}
