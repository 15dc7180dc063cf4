'use strict';
// Reads the endpoint about once a second, and shows what it says.

const ENDPOINT = new URL(document.documentElement.dataset.endpoint, location.href).href;
const EXPOSURE = 'management.endpoints.web.exposure.include';
const INTERVAL = 1000;
const LONGEST_INTERVAL = 30000;
const PATIENCE = 15000;
const byId = (id) => document.getElementById(id);

let paused = false;
let failures = 0;
let timer = null;
let reading = false;
let failed = null;
let detail = null;
let returnTo = null;
const rows = new Map();
const groups = [['running', 'Running'], ['failed', 'Failed'], ['finished', 'Finished']].map(([state, title]) => {
	const heading = element('th', { role: 'rowheader', scope: 'rowgroup', colspan: '7' });
	const body = element('tbody', { role: 'rowgroup', class: state }, element('tr', { role: 'row', class: 'group' }, heading));
	byId('transfers').append(body);
	return { state, title, heading, body };
});

class Refused extends Error {

	constructor(status) {
		super(`status ${status}`);
		this.status = status;
	}

}

async function call(path, options) {
	const response = await fetch(ENDPOINT + path, { cache: 'no-store', redirect: 'manual',
		signal: AbortSignal.timeout(PATIENCE), ...options, headers: { Accept: 'application/json', ...options.headers } });
	// A redirect leads to where one signs in
	const status = response.type === 'opaqueredirect' ? 401 : response.status;
	if (status < 200 || status > 299) {
		throw new Refused(status);
	}
	return status === 204 ? null : JSON.parse(await response.text(), (key, value) => typeof value === 'string' ? visible(value) : value);
}

function schedule(delay) {
	clearTimeout(timer);
	timer = paused || document.hidden ? null : setTimeout(read, delay);
}

async function read() {
	if (reading) {
		return;
	}
	reading = true;
	clearTimeout(timer);
	try {
		show(await call('', {}));
		await readDetail();
		failures = 0;
		byId('trouble').hidden = true;
		sayPolling();
	}
	catch (failure) {
		failures++;
		showTrouble(failure);
		if (failure.status === undefined && !(failure instanceof DOMException)) {
			console.warn(failure);
		}
	}
	finally {
		reading = false;
		schedule(Math.min(LONGEST_INTERVAL, INTERVAL * 2 ** Math.min(failures, 10)) * (failures === 0 ? 1 : 0.5 + Math.random() / 2));
	}
}

async function readDetail() {
	const shown = detail;
	if (shown === null || shown.settled) {
		return;
	}
	try {
		const transfer = await call('/' + encodeURIComponent(shown.id), {});
		if (detail === shown) {
			shown.show(transfer);
		}
	}
	catch (failure) {
		if (failure.status !== 404) {
			throw failure;
		}
		shown.missing();
	}
}

function showTrouble(failure) {
	const text = failure.status === 404
			? `There is no endpoint vgiexternal here, from which this page reads. Expose it too: ${EXPOSURE}=vgiexternal,vgiexternalpage`
			: failure.status === 401 || failure.status === 403
			? `You may not read the endpoint vgiexternal (${failure.status}), from which this page reads. Sign in, or have it allowed; `
				+ `it must also be exposed: ${EXPOSURE}=vgiexternal,vgiexternalpage`
			: failure.status ? `The endpoint vgiexternal answers with status ${failure.status}. This page keeps asking.`
			: failure instanceof SyntaxError ? 'The endpoint vgiexternal answers with something else than transfers. Are you signed in?'
			: 'The service does not answer. This page keeps asking, less and less often.';
	byId('trouble').hidden = false;
	setText(byId('trouble'), text);
	sayPolling();
}

function sayPolling() {
	const text = paused ? 'Paused' : failures > 0 ? 'Not up to date' : 'Live';
	setText(byId('polling'), text);
	byId('polling').className = paused ? 'paused' : failures > 0 ? 'stale' : 'live';
	document.title = ['Transfers', document.documentElement.dataset.application].filter((part) => part !== '').join(' · ');
}

function show(overview) {
	byId('content').hidden = false;
	showGauges(overview);
	showOrigins(overview.origins);
	const focused = document.activeElement;
	const seen = new Set();
	for (const { state, title, heading, body } of groups) {
		const transfers = overview[state];
		setText(heading, transfers.length === 0 ? `${title}: none` : `${title}: ${number(transfers.length)}`);
		heading.classList.toggle('none', transfers.length === 0);
		transfers.forEach((transfer, at) => {
			seen.add(transfer.id);
			const row = rowOf(transfer.id);
			row.show(transfer);
			if (body.rows[at + 1] !== row.node) {
				body.insertBefore(row.node, body.rows[at + 1] ?? null);
			}
		});
	}
	for (const [id, row] of rows) {
		if (!seen.has(id)) {
			row.node.remove();
			rows.delete(id);
		}
	}
	if (focused !== document.activeElement && focused.isConnected) {
		focused.focus({ preventScroll: true });
	}
	if (detail !== null && !detail.listed) {
		bringIntoSight(detail);
	}
	announce(overview);
}

/** Scrolls the list, where it stands beside a transfer, but never the page. */
function bringIntoSight(shown) {
	const row = rows.get(shown.id)?.node;
	if (row === undefined) {
		return;
	}
	shown.listed = true;
	const list = byId('list');
	const [frame, place] = [list.getBoundingClientRect(), row.getBoundingClientRect()];
	if (place.top < frame.top || place.bottom > frame.bottom) {
		list.scrollTop += place.top - frame.top - list.clientHeight / 3;
	}
}

/** Tells screen readers of failures only: what runs and finishes changes all the time. */
function announce(overview) {
	const ids = new Set(overview.failed.map((transfer) => transfer.id));
	const more = failed === null ? 0 : [...ids].filter((id) => !failed.has(id)).length;
	if (failed === null) {
		setText(byId('announcement'), groups.map(({ state, title }) => `${title}: ${overview[state].length}`).join(', '));
	}
	else if (more > 0) {
		setText(byId('announcement'), `${several(more, 'transfer')} more failed, the last: ${named(overview.failed[0]).name}`);
	}
	failed = ids;
}

function showGauges({ budget, slabs, connections, running }) {
	setFacts(byId('gauges'), [
		['Memory budget', `${memory(budget.inUse)} of ${memory(budget.max)}`,
			`${number(budget.waiting)} waiting, ${number(budget.refused)} refused`],
		['Slabs', `${memory(slabs.leased)} in use`, `${memory(slabs.pooled)} pooled`],
		['Connections', `${number(connections.leased)} of ${number(connections.max)}`, 'in use'],
		['Transfers', `${number(running.length)} running`, waits(running)]
	]);
	const meters = [budget.max > 0 ? budget.inUse / budget.max : 0, null, connections.max > 0 ? connections.leased / connections.max : 0];
	[...byId('gauges').children].forEach((gauge, at) => {
		const share = meters[at] ?? null;
		gauge.style.setProperty('--share', share === null ? '0' : String(Math.min(1, share)));
		gauge.className = share === null ? 'gauge' : share > 0.9 ? 'gauge measured full' : 'gauge measured';
	});
}

/** What running transfers wait for, most frequent first. */
function waits(running) {
	const counts = new Map();
	for (const { waitsFor } of running) {
		const name = (waitsFor ?? '').replace(/\s+\d+$/, '');
		if (name !== '') {
			counts.set(name, (counts.get(name) ?? 0) + 1);
		}
	}
	const most = [...counts].sort((one, other) => other[1] - one[1]).map(([name, count]) => `${number(count)} for ${name}`);
	return most.length === 0 ? 'none waits' : 'waiting: ' + most.slice(0, 3).join(', ') + (most.length > 3 ? ' …' : '');
}

function showOrigins(origins) {
	byId('origins-region').hidden = origins.length === 0;
	setRows(byId('origins').tBodies[0], origins.map((origin) => [`${origin.origin ?? 'not shown'}${origin.own ? '' : ' (foreign)'}`, origin.state,
		`${number(origin.inFlight)} of ${number(origin.window)}`, number(origin.waiting),
		typeof origin.requestsPerSecond === 'number' ? number(origin.requestsPerSecond, 1) + '/s' : 'free',
		number(origin.retriesLeft), number(origin.hedgesLeft)]), ['origin', 'state', 'number', 'number', 'number', 'number', 'number']);
	[...byId('origins').tBodies[0].rows].forEach((row, at) => row.cells[1].classList.add(origins[at].state));
}

function rowOf(id) {
	let row = rows.get(id);
	if (row === undefined) {
		row = new Row(id);
		rows.set(id, row);
	}
	return row;
}

/** A transfer in the list. */
class Row {

	constructor(id) {
		this.link = element('a', { href: '#' + encodeURIComponent(id) });
		this.kind = element('span', { class: 'kind' });
		this.cells = ['Started', 'Took', 'Stored', 'MB/s', 'Where the time went', 'What held it up'].map((title, at) =>
			element('td', { role: 'cell', 'data-title': title, class: at >= 1 && at <= 3 ? 'number' : ['started'][at]
				?? ['phases', 'why'][at - 4] }));
		this.node = element('tr', { role: 'row', class: 'transfer' },
				element('th', { role: 'rowheader', scope: 'row' }, this.link, this.kind), ...this.cells);
		this.node.addEventListener('click', (event) => {
			if (event.target.closest('a') === null && getSelection().isCollapsed) {
				this.link.click();
			}
		});
		this.shown = '';
		this.select(detail?.id === id);
	}

	select(selected) {
		if (selected) {
			this.node.setAttribute('aria-current', 'true');
		}
		else {
			this.node.removeAttribute('aria-current');
		}
	}

	show(transfer) {
		const text = JSON.stringify(transfer);
		if (text === this.shown) {
			return;
		}
		this.shown = text;
		const { name, host } = named(transfer);
		if (this.link.textContent !== name) {
			this.link.replaceChildren(foreign(name));
		}
		setText(this.kind, [`${transfer.direction === 'upload' ? '↑ upload' : '↓ fetch'}`, transfer.storage,
			transfer.segment > 0 ? `segment ${number(transfer.segment)}` : '',
			transfer.storage === 'foreign' || transfer.storage === 'vended' ? host : ''].filter((part) => part !== '').join(' · '));
		const [started, took, stored, speed, phases, why] = this.cells;
		setText(started, clock(transfer.started));
		setText(took, duration(transfer.elapsed));
		setText(stored, bytes(transfer.storedBytes));
		setText(speed, rate(transfer.storedBytes, networkTime(transfer)));
		phases.replaceChildren(phaseBars(transfer));
		// Why it failed comes first: what took its time may be something else
		setText(why, !transfer.error ? explained(transfer) : [`${transfer.error.kind}: ${transfer.error.message}`,
			transfer.error.kind === 'cancelled' ? '' : explained(transfer)].filter((text) => text !== '').join('. '));
	}

}

/** A small picture of the phases: the network above, decoding and digest below. */
function phaseBars(transfer) {
	const end = Math.max(transfer.elapsed, 0.001);
	const texts = transfer.phases.map((phase) => `${PHASES[phase.phase] ?? phase.phase} ${
		duration((phase.to ?? transfer.elapsed) - phase.from)}`);
	return element('div', { class: 'bars', role: 'img', 'aria-label': texts.join(', ') || 'nothing yet', title: texts.join('\n') },
			...transfer.phases.filter((phase) => (phase.to ?? end) - phase.from >= end / 100).map((phase) => {
				const span = element('span', { class: 'phase ' + phase.phase.replace(/\W/g, '') });
				span.style.left = `${phase.from / end * 100}%`;
				span.style.width = `${((phase.to ?? end) - phase.from) / end * 100}%`;
				return span;
			}));
}

function showSelected() {
	let id = '';
	try {
		id = decodeURIComponent(location.hash.slice(1));
	}
	catch {
		// Not from here
	}
	if (id === (detail?.id ?? '')) {
		return;
	}
	detail?.close();
	detail = null;
	document.body.classList.toggle('one', id !== '');
	rows.forEach((row, key) => row.select(key === id));
	if (id === '') {
		returnTo?.focus();
		return;
	}
	returnTo = rows.get(id)?.link ?? null;
	detail = new Detail(byId('detail'), id, askToEnd);
	scrollTo(0, 0);
	detail.heading.focus({ preventScroll: true });
	readDetail().catch(showTrouble);
}

async function askToEnd(transfer) {
	const dialog = byId('end');
	byId('end-text').replaceChildren(foreign(transfer.location ?? transfer.id));
	dialog.returnValue = 'keep';
	dialog.showModal();
	await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }));
	if (dialog.returnValue !== 'end' || detail?.id !== transfer.id) {
		return;
	}
	detail.say(await end(transfer.id));
	detail.heading.focus({ preventScroll: true });
	schedule(0);
}

async function end(id) {
	// Spring Security's cookie, where it has one that scripts may read
	const token = /(?:^|;\s*)XSRF-TOKEN=([^;]*)/.exec(document.cookie);
	try {
		await call('/' + encodeURIComponent(id), { method: 'DELETE',
			headers: token ? { 'X-XSRF-TOKEN': decodeURIComponent(token[1]) } : {} });
		return 'It was told to end.';
	}
	catch ({ status }) {
		switch (status) {
			case 404: return 'Too late: it has ended by itself.';
			case 401: return 'Not ended: you are not signed in (401).';
			case 403: return 'Not ended: refused (403). Either you may not, or Spring Security’s CSRF protection asks for a token: '
				+ 'see “The page” in the documentation.';
			case 405: return 'Not ended: the endpoint is read-only here (405). management.endpoint.vgiexternal.access=unrestricted '
				+ 'allows it.';
			default: return status ? `Not ended: the service answered with status ${status}.` : 'The service did not answer.';
		}
	}
}

byId('pause').addEventListener('click', () => {
	paused = !paused;
	byId('pause').setAttribute('aria-pressed', String(paused));
	sayPolling();
	schedule(0);
});
byId('phases-legend').append(...Object.entries(PHASES).filter(([name]) => name !== 'upload').map(([name, text]) =>
	element('li', {}, element('span', { class: 'bars' }, element('span', { class: 'phase ' + name })),
			name === 'download' ? 'download or upload' : text)));
document.querySelector('.skip').addEventListener('click', (event) => {
	// Not by its fragment, which names a transfer
	event.preventDefault();
	byId('main').focus();
});
document.addEventListener('visibilitychange', () => schedule(0));
addEventListener('hashchange', showSelected);
showSelected();
sayPolling();
read();
