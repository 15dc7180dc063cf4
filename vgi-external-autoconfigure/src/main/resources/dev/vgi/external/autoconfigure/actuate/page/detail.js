'use strict';
// One transfer, whole: made once, then kept up to date in place, so that focus and scroll positions stay.

const REQUEST_COLUMNS = ['Request', 'Kind', 'Its turn', 'Sent', 'First byte', 'End', 'Bytes', 'MB/s', 'Status', 'Outcome', 'Why',
	'Storage’s id'];

class Detail {

	/** Creates the view in a section; `end` is called when the reader wants to end the transfer. */
	constructor(section, id, end) {
		this.section = section;
		this.id = id;
		this.transfer = null;
		this.listed = false;
		this.heading = element('h2', { id: 'detail-heading', tabindex: '-1' }, 'Transfer ', element('code', {}, id));
		this.state = element('span', { class: 'state' });
		this.end = element('button', { type: 'button', class: 'danger', hidden: true }, 'End this transfer …');
		this.end.addEventListener('click', () => end(this.transfer));
		this.location = element('p', { class: 'location' });
		this.explanation = element('p', { class: 'explanation', hidden: true });
		this.error = element('p', { class: 'error', hidden: true });
		this.ending = element('p', { class: 'ending', role: 'status', hidden: true });
		this.picture = element('div', { class: 'picture' });
		this.legend = element('ul', { class: 'legend', 'aria-label': 'Legend' });
		this.dropped = element('p', { class: 'note', hidden: true });
		this.facts = element('dl', { class: 'facts' });
		this.requests = element('table', { class: 'requests' }, element('caption', { id: 'requests-caption' }, 'Requests'),
				element('thead', {}, element('tr', {}, ...REQUEST_COLUMNS.map((title, at) =>
					element('th', { scope: 'col', class: at >= 2 && at <= 8 ? 'number' : null }, title)))), element('tbody'));
		this.requestsRegion = element('div', { class: 'scroll', role: 'region', tabindex: '0',
			'aria-labelledby': 'requests-caption' }, this.requests);
		this.events = element('table', { class: 'events' }, element('caption', { id: 'events-caption' }, 'What happened'),
				element('thead', {}, element('tr', {}, ...['After', 'What', 'In words'].map((title, at) =>
					element('th', { scope: 'col', class: at === 0 ? 'number' : null }, title)))), element('tbody'));
		this.eventsRegion = element('div', { class: 'scroll', role: 'region', tabindex: '0', 'aria-labelledby': 'events-caption' },
				this.events);
		this.empty = element('p', { class: 'note' }, 'Loading …');
		this.body = element('div', { hidden: true }, this.location, this.error, this.explanation,
				element('figure', {}, this.picture, this.legend), this.dropped, this.facts, this.requestsRegion, this.eventsRegion);
		section.replaceChildren(element('p', { class: 'back' }, element('a', { href: '#' }, '← All transfers')),
				element('div', { class: 'title' }, this.heading, this.state, this.end), this.ending, this.empty, this.body);
		section.hidden = false;
		this.resized = new ResizeObserver(() => this.draw());
		this.resized.observe(this.picture);
	}

	/** Says that there is no such transfer (any more). */
	missing() {
		if (this.transfer === null) {
			setText(this.empty, 'The service knows no such transfer. It keeps the last ones that finished and the last ones that '
					+ 'failed, vgi.external.history.size of each (100 unless set), and none that it had before it was started.');
		}
		else {
			this.say('The service does not keep this transfer any more: what stands here is the last that was known.');
		}
		this.end.hidden = true;
	}

	/** Says how an attempt to end the transfer went. */
	say(text) {
		this.ending.hidden = false;
		setText(this.ending, text);
	}

	close() {
		this.resized.disconnect();
		this.section.replaceChildren();
		this.section.hidden = true;
	}

	/** Whether there is nothing more to be read of it. */
	get settled() {
		return this.transfer !== null && this.transfer.state !== 'running';
	}

	show(transfer) {
		const changed = JSON.stringify(transfer) !== JSON.stringify(this.transfer);
		this.transfer = transfer;
		if (!changed) {
			return;
		}
		this.empty.hidden = true;
		this.body.hidden = false;
		const direction = transfer.direction === 'upload' ? 'Upload to ' : 'Fetch from ';
		setText(this.heading, direction + ({ foreign: 'foreign storage', vended: 'a vended URL' }[transfer.storage] ?? transfer.storage));
		setText(this.state, transfer.state);
		this.state.className = 'state ' + transfer.state;
		this.end.hidden = transfer.state !== 'running';
		const location = transfer.location ?? (transfer.state === 'running' ? 'Where it will be stored is not known yet' : 'No location');
		if (this.location.textContent !== location) {
			this.location.replaceChildren(foreign(location));
		}
		this.error.hidden = !transfer.error;
		setText(this.error, transfer.error ? `${transfer.error.kind}: ${transfer.error.message}` : '');
		const sentence = explained(transfer);
		this.explanation.hidden = sentence === '';
		setText(this.explanation, sentence);
		this.dropped.hidden = !(transfer.dropped > 0);
		setText(this.dropped, `${several(transfer.dropped ?? 0, 'request or event was', 'requests and events were')} not kept: the `
				+ 'timeline of a transfer is bounded. The sums are complete.');
		this.showFacts(transfer);
		this.showRequests(transfer);
		setRows(this.events.tBodies[0], (transfer.events ?? []).map((event) => [duration(event.at), event.type,
			[event.text, event.message].filter((text) => text).join(': ')]),
				['number', 'nowrap', '']);
		this.eventsRegion.hidden = (transfer.events ?? []).length === 0;
		this.legend.replaceChildren(...legend(transfer));
		this.draw();
	}

	showFacts(transfer) {
		const ratio = transfer.contentCoding && transfer.storedBytes > 0 && transfer.decodedBytes > 0
				? ` (1 : ${number(transfer.decodedBytes / transfer.storedBytes, 1)})` : '';
		const facts = [
			['Took', duration(transfer.elapsed)],
			['Started', clock(transfer.started)],
			['Stored', bytes(transfer.storedBytes) + (transfer.state === 'running' && transfer.size !== null
					? ' of ' + bytes(transfer.size) : '')],
			['Decoded', bytes(transfer.decodedBytes) + ratio],
			['Coding', transfer.contentCoding ?? 'none'],
			['Network rate', withUnit(rate(transfer.storedBytes, networkTime(transfer)), 'MB/s')],
			['Overall, decoded', withUnit(rate(transfer.decodedBytes, transfer.elapsed), 'MB/s')],
			['Requests', number(transfer.requestCount)],
			['Hedges', number(transfer.hedges)],
			['Retries', number(transfer.retries)],
			['Renewals', number(transfer.renewals)],
			['Segment', transfer.segment > 0 ? number(transfer.segment) : ''],
			['Id', transfer.id],
			['Storage’s id of the last answer', transfer.requestId ?? ''],
			['Trace', transfer.traceId ?? '']
		].filter(([, value]) => value !== '');
		setFacts(this.facts, facts);
	}

	showRequests(transfer) {
		const requests = transfer.requests ?? [];
		const kind = kinds(requests);
		this.requestsRegion.hidden = requests.length === 0;
		setRows(this.requests.tBodies[0], requests.map((request, at) => [requestName(request), kind[at], duration(request.queued),
			duration(request.sent), duration(request.firstByte), duration(request.end),
			requestBytes(request), rate(request.bytes, requestTime(transfer, request)),
			request.status > 0 ? String(request.status) : '', outcomeText(request), request.reason ?? '', request.requestId ?? '']),
				['nowrap', 'kind', 'number', 'number', 'number', 'number', 'number', 'number', 'number', 'outcome', '', 'code']);
		[...this.requests.tBodies[0].rows].forEach((row, at) => {
			row.className = kind[at] + ' ' + outcomeOf(requests[at]);
		});
	}

	draw() {
		const width = Math.floor(this.picture.clientWidth);
		if (this.transfer !== null && width > 0 && !this.body.hidden) {
			const picture = waterfall(this.transfer, width);
			this.picture.replaceChildren(picture);
		}
	}

}

/** The terms and values of a list, replaced where they differ. */
function setFacts(list, facts) {
	while (list.children.length > facts.length) {
		list.lastChild.remove();
	}
	facts.forEach(([term, value, extra], at) => {
		const entry = list.children[at] ?? list.appendChild(element('div', {}, element('dt'), element('dd'), element('dd')));
		const [name, text, more] = entry.children;
		setText(name, term);
		setText(text, value);
		setText(more, extra ?? '');
		more.hidden = !extra;
	});
}

/** What holds it up, or has held it up. */
function explained(transfer) {
	return [transfer.state === 'running' && transfer.waitsFor ? `Waits for ${transfer.waitsFor}.` : '',
		transfer.explanation ? transfer.explanation.replace(/\.?$/, '.') : ''].filter((text) => text !== '').join(' ');
}
