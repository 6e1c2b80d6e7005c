// The chat page of a node in Chromium. Arguments: the URL of JSON-RPC over HTTP, and what dora has said on the topic before, if
// she has. The node has an archive.

import assert from 'node:assert'

import { faults, picture, tabTo, text, until, watch } from './watched.mjs'

const [url, said] = process.argv.slice(2)
const { origin } = new URL(url)

// Opens the page and joins a topic, with the keyboard alone.
const join = async (topic, name) => {
  const browser = await watch(origin)
  await browser.open(`${origin}/`)
  for (const [field, value] of [['topic', topic], ['password', 'swordfish'], ['name', name]]) {
    await tabTo(browser, `document.activeElement.id === '${field}'`)
    await browser.type(value)
  }
  await browser.press('Enter')
  await until(browser, `${text('#status')}.includes('joined ${topic}')`)
  return browser
}

const say = async (browser, words) => {
  await tabTo(browser, `document.activeElement.id === 'text'`)
  await browser.type(words)
  await browser.press('Enter')
}

const alice = await join('news', 'alice')
const bob = await join('news', 'bob')
if (said) await until(alice, `${text('#log')}.includes('dora ${said}')`)
await say(alice, 'hello <b>bob</b>')
for (const browser of [alice, bob]) await until(browser, `${text('#log')}.includes('alice hello <b>bob</b>')`)
await say(bob, 'hello alice')
await until(alice, `${text('#log')}.includes('bob hello alice')`)
// A message is text: it makes no element.
assert.equal(await bob.evaluate(`document.querySelectorAll('#log b').length`), 0)
// One that comes later gets what was said from the archive, each message once.
const carol = await join('news', 'carol')
await until(carol, `${text('#log')}.includes('bob hello alice')`)
await until(carol, `${text('#status')}.includes('with what an archive has')`)
assert.equal(await carol.evaluate(`document.querySelectorAll('#log li').length`), said ? 3 : 2)
// Another topic has other messages.
await carol.evaluate(`document.getElementById('topic').value = 'other'`)
await tabTo(carol, `document.activeElement.closest('#join')?.querySelector('button') === document.activeElement`)
await carol.press('Enter')
await until(carol, `${text('#status')}.includes('joined other')`)
assert.equal(await carol.evaluate(`document.querySelectorAll('#log li').length`), 0)
await alice.call('Emulation.setDeviceMetricsOverride', { width: 800, height: 700, deviceScaleFactor: 1, mobile: false })
await picture(alice, 'chat-light')
await picture(alice, 'chat-dark', 'dark')
await Promise.all([alice, bob, carol].map((browser) => browser.close()))
assert.deepEqual(faults, [])
