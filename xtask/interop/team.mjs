// The dashboard of a node with teams, as a team sees it in Chromium. Arguments: the address of the metrics, the URL of JSON-RPC over
// HTTP, and the tokens of two teams.

import assert from 'node:assert'

import { faults, picture, rpc, tabTo, text, until, watch } from './watched.mjs'

const [metrics, url, ...tokens] = process.argv.slice(2)
const origin = `http://${metrics}`

const hashes = []
for (const token of tokens) {
  const symKeyID = await rpc(url, token, 'shh_newSymKey')
  await rpc(url, token, 'shh_newMessageFilter', { symKeyID, topics: ['0x7465616d'] })
  const post = { symKeyID, topic: '0x7465616d', ttl: 60, powTime: 5, powTarget: 0.2, payload: '0x68656c6c6f' }
  hashes.push(await rpc(url, token, 'shh_post', post))
}
const browser = await watch(origin, { refused: true })
await browser.call('Emulation.setDeviceMetricsOverride', { width: 1300, height: 900, deviceScaleFactor: 1, mobile: false })
await browser.open(`${origin}/`)
await until(browser, `${text('#state')}.includes('needs a token')`)
// A token that a browser cannot send as the name of a sub-protocol.
await tabTo(browser, `document.activeElement.id === 'token'`)
await browser.type('0123456789abcdef/=')
await browser.press('Enter')
await until(browser, `${text('#state')}.includes('cannot send')`)
await tabTo(browser, `document.activeElement.id === 'token'`)
await browser.type(tokens[0])
await browser.press('Enter')
await until(browser, `document.body.dataset.view === 'team'`)
await until(browser, `${text('#posts tbody')}.includes('${hashes[0].slice(0, 14)}')`)
assert.ok(!(await browser.evaluate('document.body.innerText')).includes(hashes[1].slice(0, 14)))
assert.equal(await browser.evaluate(`getComputedStyle(document.getElementById('network')).display`), 'none')
for (const [hash, answer] of [[hashes[0], 'in the pool of this node'], [hashes[1], 'does not know the envelope']]) {
  await browser.evaluate(`document.getElementById('hash').value = ''`)
  await tabTo(browser, `document.activeElement.id === 'hash'`)
  await browser.type(hash)
  await browser.press('Enter')
  await until(browser, `${text('#explanation')}.includes('${answer}')`)
}
await picture(browser, 'dashboard-team')
await browser.close()
assert.deepEqual(faults, [])
