'use strict';
// Texts of numbers, and elements. Whatever a text contains, it becomes a text node: locations and messages come from
// others.

const SVG = 'http://www.w3.org/2000/svg';

/** Makes an element; attributes that are null or false are left out, true stands for an empty value. */
function element(name, attributes, ...children) {
	return fill(document.createElement(name), attributes, children);
}

function svg(name, attributes, ...children) {
	return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(node, attributes, children) {
	for (const [name, value] of Object.entries(attributes ?? {})) {
		if (value !== null && value !== undefined && value !== false) {
			node.setAttribute(name, value === true ? '' : value);
		}
	}
	node.append(...children.filter((child) => child !== null && child !== undefined));
	return node;
}

/** Sets a text only if it differs, so that selections and screen readers are left alone. */
function setText(node, text) {
	if (node.textContent !== text) {
		node.textContent = text;
	}
}

/** Foreign text whose direction cannot spill over into its neighbours. */
function foreign(text, className) {
	return element('bdi', { dir: 'ltr', class: className }, text);
}

/** Shows what nobody could see, and what turns the direction of a text around. */
function visible(text) {
	return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
			(character) => '\\u' + character.charCodeAt(0).toString(16).padStart(4, '0'));
}

/** Makes the rows of a table body say the given texts, and keeps the rows that are there. */
function setRows(body, rows, classes) {
	while (body.rows.length > rows.length) {
		body.deleteRow(-1);
	}
	rows.forEach((texts, at) => {
		const row = body.rows[at] ?? body.insertRow();
		while (row.cells.length < texts.length) {
			row.append(row.cells.length === 0 ? element('th', { scope: 'row' }) : element('td'));
		}
		texts.forEach((text, column) => {
			setText(row.cells[column], text);
			row.cells[column].className = classes[column] ?? '';
		});
	});
}

function number(value, digits) {
	return value.toLocaleString('en', { minimumFractionDigits: digits ?? 0, maximumFractionDigits: digits ?? 0 });
}

/** A time in milliseconds, with three digits that count. */
function duration(milliseconds) {
	if (milliseconds === null || milliseconds === undefined) {
		return '';
	}
	if (milliseconds < 1000) {
		return number(milliseconds, milliseconds < 9.95 ? 1 : 0) + ' ms';
	}
	const seconds = milliseconds / 1000;
	if (seconds < 59.95) {
		return number(seconds, seconds < 9.995 ? 2 : 1) + ' s';
	}
	const whole = Math.round(seconds);
	return whole < 3600 ? `${Math.floor(whole / 60)} min ${whole % 60} s`
			: `${number(Math.floor(whole / 3600))} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Bytes in units of 1000, as rates are. */
function bytes(count) {
	return scaled(count, 1000, ['B', 'kB', 'MB', 'GB', 'TB']);
}

/** Bytes in units of 1024, as memory is configured. */
function memory(count) {
	return scaled(count, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
}

function scaled(count, base, units) {
	if (count === null || count === undefined || count < 0) {
		return '';
	}
	let unit = 0;
	while (count >= base * 0.9995 && unit < units.length - 1) {
		count /= base;
		unit++;
	}
	const digits = unit === 0 || count >= 99.95 || count === Math.round(count) ? 0 : 1;
	return number(count, digits) + ' ' + units[unit];
}

/** Megabytes (1,000,000 bytes) per second, or nothing if that is too little to say. */
function rate(count, milliseconds) {
	if (!(milliseconds > 0) || !(count > 0)) {
		return '';
	}
	const megabytes = count / 1000 / milliseconds;
	return megabytes < 0.05 ? '' : number(megabytes, megabytes < 9.95 ? 1 : 0);
}

function withUnit(value, unit) {
	return value === '' ? '' : value + ' ' + unit;
}

function several(count, one, many) {
	return number(count) + ' ' + (count === 1 ? one : many ?? one + 's');
}

function clock(instant) {
	const date = new Date(instant);
	if (Number.isNaN(date.getTime())) {
		return '';
	}
	const pad = (value) => String(value).padStart(2, '0');
	const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(':');
	return date.toDateString() === new Date().toDateString() ? time
			: `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${time}`;
}

/** The parts of a location that people look for: where, and the last part of its path. */
function named(transfer) {
	const location = transfer.location;
	if (!location) {
		return { name: transfer.direction === 'upload' && transfer.state === 'running' ? 'not stored yet' : transfer.id, host: '' };
	}
	const parts = /^[a-z][a-z0-9+.-]*:\/\/([^/]*)(\/[^?#]*)?/i.exec(location);
	const path = parts?.[2]?.split('/').filter((part) => part !== '') ?? [];
	return parts && path.length > 0 ? { name: path[path.length - 1], host: parts[1] } : { name: location, host: '' };
}

/** How long bytes have been on their way, without the waits before and what comes after. */
function networkTime(transfer) {
	const phases = transfer.phases.filter((phase) => phase.phase === 'download' || phase.phase === 'upload');
	return phases.length === 0 ? transfer.elapsed
			: phases.reduce((sum, phase) => sum + (phase.to ?? transfer.elapsed) - phase.from, 0);
}
