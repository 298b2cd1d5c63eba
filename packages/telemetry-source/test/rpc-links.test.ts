import { rpcId } from '@sage/core';
import { expect } from 'chai';
import { RpcLinks } from '../src/rpc-links.js';

describe('RpcLinks', () => {
  const key = (links: RpcLinks, operation: string, callee = 'cart') =>
    links.rpc(links.between('front', callee), operation);

  it('gives equal calls one key, which has the id and the looks of any other', () => {
    const links = new RpcLinks(100);
    const rpc = key(links, 'add');
    expect(key(links, 'add')).to.equal(rpc);
    expect(rpc).to.deep.equal({ caller: 'front', callee: 'cart', operation: 'add' });
    expect(JSON.parse(JSON.stringify(rpc))).to.deep.equal({ ...rpc });
    expect(rpcId(rpc)).to.equal(rpcId({ ...rpc }));
    expect(new Set([rpc, key(links, 'remove'), key(links, 'add', 'mail')]).size).to.equal(3);
  });

  it('begins anew beyond its bound and still knows on which links spans are paired, and on which alone', () => {
    const links = new RpcLinks(5);
    const first = key(links, 'add');
    links.between('front', 'cart').paired = true;
    for (let i = 0; i < 4; i++) key(links, `GET /${i}`, 'shop');
    const again = key(links, 'add');
    expect(again).to.not.equal(first);
    expect(rpcId(again)).to.equal(rpcId(first));
    expect(links.between('front', 'cart').paired).to.equal(true);
    expect(links.between('front', 'shop').paired).to.equal(false);
    links.between('front', 'shop').alone = true;
    for (let i = 0; i < 3; i++) key(links, `PUT /${i}`, 'mail');
    expect(links.between('front', 'shop')).to.include({ paired: false, alone: true });
  });

  it('forgets a link that was not seen for a whole bound', () => {
    const links = new RpcLinks(5);
    links.between('front', 'cart').paired = true;
    for (let i = 0; i < 10; i++) key(links, `GET /${i}`, 'shop');
    expect(links.between('front', 'cart').paired).to.equal(false);
  });
});
