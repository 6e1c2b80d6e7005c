// The dashboard of a running node in Chromium. Arguments: the address of the metrics, and the URL of JSON-RPC over HTTP.
// With the environment variable SCREENSHOTS, pictures of the page are written into that folder.

import assert from 'node:assert'

import { faults, picture, rpc, tabTo, text, until, watch as watchPage } from './watched.mjs'

const [metrics, url] = process.argv.slice(2)
const origin = `http://${metrics}`
const call = (method, ...params) => rpc(url, '', method, ...params)
const watch = () => watchPage(origin)
const LIVE = `document.getElementById('state').dataset.state === 'live'`

const followsAPost = async () => {
  const browser = await watch()
  await browser.call('Emulation.setDeviceMetricsOverride', { width: 1300, height: 1900, deviceScaleFactor: 1, mobile: false })
  await browser.open(`${origin}/`)
  await until(browser, LIVE)
  await until(browser, `${text('#peers tbody')}.includes('127.0.0.1')`)
  const symKeyID = await call('shh_generateSymKeyFromPassword', 'dashboard')
  await call('shh_newMessageFilter', { symKeyID, topics: ['0x64617368'] })
  const post = { symKeyID, topic: '0x64617368', ttl: 60, powTime: 5, powTarget: 0.2, payload: '0x68656c6c6f' }
  const hash = await call('shh_post', post)
  await until(browser, `${text('#posts tbody')}.includes('${hash.slice(0, 14)}')`)
  await until(browser, `${text('#posts tbody')}.includes('delivered')`)
  // With the keyboard alone: the hash is typed, and sent.
  await tabTo(browser, `document.activeElement.id === 'hash'`)
  await browser.type(hash)
  await browser.press('Enter')
  await until(browser, `${text('#explanation')}.includes('in the pool of this node')`)
  await until(browser, `${text('#explanation')}.includes('has the message, and waits for the application')`)
  // What other nodes say about it: here there is only this one.
  await tabTo(browser, `document.activeElement.id === 'trace'`)
  await browser.press('Enter')
  await until(browser, `${text('#explanation')}.includes('this node: it was posted here')`)
  await until(browser, `${text('#explanation')}.includes('1 node answered: all that could be asked.')`)
  // The button in the list of posts explains it as well.
  await browser.evaluate(`document.getElementById('explanation').replaceChildren()`)
  await browser.evaluate(`document.activeElement.blur()`)
  await tabTo(browser, `document.activeElement.closest('#posts')`)
  await browser.press('Enter')
  await until(browser, `${text('#explanation')}.includes('It was posted here')`)
  const hidden = 'f'.repeat(64)
  await browser.evaluate(`document.getElementById('hash').select()`)
  await browser.type(hidden)
  await browser.press('Enter')
  await until(browser, `${text('#explanation')}.includes('does not know the envelope')`)
  await picture(browser, 'dashboard-light')
  await picture(browser, 'dashboard-dark', 'dark')
  await browser.close()
}

// A page that gets snapshots of 1000 peers, from its own script in place of the node.
const FEED = `{
  const peer = (index, second) => ({
    enode: 'enode://' + index + '@10.0.0.1:30303', id: index.toString(16).padStart(64, '0'), key: '0x' + index,
    name: index % 7 ? 'WhisperNode/v0.1.0/linux-x86_64' : 'Geth/v1.8.27<b>', caps: ['archive/1', 'shh/5', 'shh/6'],
    network: { localAddress: '10.0.0.1:30303', remoteAddress: '10.0.' + (index >> 8) + '.' + (index & 255) + ':30303',
      inbound: index % 2 === 0, trusted: false, static: false, link: index % 7 ? 'sec/1' : 'rlpx' },
    protocols: {}, roundTrip: 1 + (index * 37 % 300) + second % 3, bytesIn: index * 1000 + second, bytesOut: index * 500, queued: 0,
  })
  const snapshot = (second) => ({
    at: 1700000000 + second, dials: [], drops: [], posts: [],
    node: { id: 'ab', name: 'WhisperNode', enode: 'enode://', listenAddr: '10.0.0.1:30303', ip: '10.0.0.1', protocols: {} },
    peers: Array.from({ length: 1000 }, (_, index) => peer(index, second)).filter((_, index) => index !== second % 1000),
    metrics: { 'p2p_bytes_total{protocol="shh/6",direction="in"}': second * 1e6, whisper_envelopes_new_total: second * 100 },
  })
  window.WebSocket = class extends EventTarget {
    constructor() { super(); this.readyState = 1; window.feed = this }
    next(second) { this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify({ snapshot: snapshot(second) }) })) }
    send() {}
  }
}`

const drawsAThousandPeers = async () => {
  const browser = await watch()
  await browser.call('Page.addScriptToEvaluateOnNewDocument', { source: FEED })
  await browser.open(`${origin}/`)
  // A minute of updates, each drawn before the next.
  const slowest = await browser.evaluate(`(async () => {
    let slowest = 0
    for (let second = 1; second <= 60; second += 1) {
      const start = performance.now()
      window.feed.next(second)
      await new Promise(requestAnimationFrame)
      slowest = Math.max(slowest, performance.now() - start)
    }
    return slowest
  })()`)
  assert.equal(await browser.evaluate(`document.querySelectorAll('#topology circle').length`), 1000)
  assert.equal(await browser.evaluate(`document.querySelectorAll('#peers tbody tr').length`), 50)
  // The name of a peer is text: it makes no element.
  assert.equal(await browser.evaluate(`document.querySelectorAll('#peers b').length`), 0)
  await tabTo(browser, `document.activeElement.id === 'peer-filter'`)
  await browser.type('geth')
  await until(browser, `${text('#peers tbody tr')}.includes('Geth')`)
  await tabTo(browser, `document.activeElement.id === 'peer-all'`)
  await browser.press('Space')
  await until(browser, `document.querySelectorAll('#peers tbody tr').length > 100`)
  await picture(browser, 'dashboard-1000')
  await browser.close()
  console.log(`    60 updates of 1000 peers are drawn; the slowest took ${Math.round(slowest)} ms`)
}

await followsAPost()
await drawsAThousandPeers()
assert.deepEqual(faults, [])
