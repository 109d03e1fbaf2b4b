// XML as scripts know it (ECMA-357): XML, XMLList, Namespace, QName, and content.asXML.
// An XML value is a proxy on a list of nodes. Names that are no plain child name are keys of their own: '@n' an
// attribute, '{uri}n' a name in a namespace, '..n' descendants. A name that is also a method can be called.
(function ($) {
  'use strict';
  const { call, text, safe } = $;
  const inner = new WeakMap();
  const settings = { ignoreWhitespace: true, ignoreComments: true, prettyPrinting: true, prettyIndent: 2 };

  class Namespace {
    constructor(prefix, uri) {
      if (uri === undefined) { this.uri = prefix === undefined ? '' : text(prefix instanceof Namespace ? prefix.uri : prefix); this.prefix = undefined; }
      else { this.prefix = text(prefix); this.uri = text(uri); }
    }
    toString() { return this.uri; }
  }
  class QName {
    constructor(uri, local) {
      if (local === undefined) { this.uri = ''; this.localName = text(uri); }
      else { this.uri = uri === null ? null : text(uri); this.localName = text(local); }
    }
    toString() { return this.uri ? this.uri + '::' + this.localName : this.localName; }
  }
  let defaultUri = '';

  // ---- nodes

  const element = (name, uri, prefix) =>
    ({ kind: 'element', name, uri, prefix, attributes: [], namespaces: [], children: [], parent: null });
  const adopt = (node, parent) => { node.parent = parent; return node; };
  const built = (data) => {
    if (typeof data === 'string') return { kind: 'text', value: data, parent: null };
    if (data[0] !== 'element') return { kind: data[0], name: data[1], value: data[2], parent: null };
    const node = element(data[1], data[2], data[3]);
    node.attributes = data[4].map(([name, uri, prefix, value]) =>
      ({ kind: 'attribute', name, uri, prefix, value, parent: node }));
    node.namespaces = data[5];
    for (const child of data[6]) {
      if (typeof child === 'string') {
        if (settings.ignoreWhitespace && child.trim() === '') continue;
      } else if (child[0] !== 'element' && settings.ignoreComments) continue;
      node.children.push(adopt(built(child), node));
    }
    return node;
  };
  const parsed = (source) => JSON.parse(call('parseXml', safe(source))).map(built)
    .filter((node) => node.kind === 'element' || node.kind === 'text' && node.value.trim() !== '');
  const copied = (node) => {
    const copy = { ...node, parent: null };
    if (node.kind === 'element') {
      copy.attributes = node.attributes.map((item) => ({ ...item, parent: copy }));
      copy.namespaces = node.namespaces.map((item) => [...item]);
      copy.children = node.children.map((child) => adopt(copied(child), copy));
    }
    return copy;
  };
  const escaped = (value) => text(value).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  const quoted = (value) => text(value).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;')
    .replace(/\n/g, '&#xA;').replace(/\r/g, '&#xD;').replace(/\t/g, '&#x9;');
  const spelled = (node) => node.prefix ? node.prefix + ':' + node.name : node.name;

  const printed = (node, depth) => {
    const pad = settings.prettyPrinting ? ' '.repeat(depth * settings.prettyIndent) : '';
    switch (node.kind) {
      case 'text': return pad + escaped(settings.prettyPrinting ? node.value.trim() : node.value);
      case 'attribute': return quoted(node.value);
      case 'comment': return pad + '<!--' + node.value + '-->';
      case 'processing-instruction': return pad + '<?' + node.name + ' ' + node.value + '?>';
    }
    let out = pad + '<' + spelled(node);
    const known = inScope(node.parent);
    for (const [prefix, uri] of node.namespaces) {
      if (depth === 0 || known[prefix] !== uri) out += ' xmlns' + (prefix ? ':' + prefix : '') + '="' + quoted(uri) + '"';
    }
    if (depth === 0) {
      const own = new Set(node.namespaces.map((item) => item[0]));
      for (const prefix in known) {
        if (!own.has(prefix)) out += ' xmlns' + (prefix ? ':' + prefix : '') + '="' + quoted(known[prefix]) + '"';
      }
    }
    for (const item of node.attributes) out += ' ' + spelled(item) + '="' + quoted(item.value) + '"';
    if (node.children.length === 0) return out + '/>';
    const simple = node.children.length === 1 && node.children[0].kind === 'text';
    out += '>';
    if (simple || !settings.prettyPrinting) {
      for (const child of node.children) out += child.kind === 'text' ? escaped(child.value) : printed(child, depth + 1);
    } else {
      for (const child of node.children) out += '\n' + printed(child, depth + 1);
      out += '\n' + pad;
    }
    return out + '</' + spelled(node) + '>';
  };
  const inScope = (node) => {
    const found = { __proto__: null };
    for (let at = node; at; at = at.parent) {
      for (const [prefix, uri] of at.namespaces || []) if (!(prefix in found)) found[prefix] = uri;
    }
    return found;
  };
  const isSimple = (nodes) => nodes.every((node) =>
    node.kind !== 'element' || node.children.every((child) => child.kind === 'text' || child.kind === 'comment'));
  const textOf = (node) => {
    if (node.kind === 'comment' || node.kind === 'processing-instruction') return '';
    return node.kind === 'element' ? node.children.map(textOf).join('') : node.value;
  };
  const asText = (list) => {
    if (list.nodes.length === 0) return '';
    if (isSimple(list.nodes) && (list.nodes.length === 1 || list.nodes.every((node) => node.kind !== 'element'))) {
      return list.nodes.map(textOf).join('');
    }
    return asXml(list);
  };
  const asXml = (list) => list.nodes.map((node) => printed(node, 0)).join('\n');

  // ---- names

  const nameOf = (key) => {
    let name = key;
    let deep = false;
    let attribute = false;
    if (name.startsWith('..')) { deep = true; name = name.slice(2); }
    if (name[0] === '@') { attribute = true; name = name.slice(1); }
    let uri;
    if (name[0] === '{') {
      const end = name.indexOf('}');
      uri = name.slice(1, end);
      name = name.slice(end + 1);
    } else if (name !== '*' && !attribute && defaultUri !== '') uri = defaultUri;
    return { name, uri, deep, attribute };
  };
  const fits = (node, wanted) => (wanted.name === '*' || node.name === wanted.name) &&
    (wanted.uri === undefined || (node.uri || '') === wanted.uri);
  const below = (node, wanted, found) => {
    if (node.kind !== 'element') return;
    if (wanted.attribute) {
      for (const item of node.attributes) if (fits(item, wanted)) found.push(item);
      if (!wanted.deep) return;
    }
    for (const child of node.children) {
      if (!wanted.attribute && (wanted.name === '*' && wanted.uri === undefined ||
        child.kind === 'element' && fits(child, wanted))) found.push(child);
      if (wanted.deep) below(child, wanted, found);
    }
  };
  const select = (list, key) => {
    const wanted = nameOf(key);
    const found = [];
    for (const node of list.nodes) below(node, wanted, found);
    return { nodes: found, single: false, owner: list, key };
  };

  // ---- values

  const value = (list, method) => {
    const target = method === undefined ? {} : () => undefined;
    const proxy = new Proxy(target, method === undefined ? handler : {
      ...handler,
      apply: (to, self, given) => method(inner.get(proxy).owner, given),
    });
    inner.set(target, list);
    inner.set(proxy, list);
    return proxy;
  };
  const single = (node) => value({ nodes: [node], single: true });
  const listOf = (nodes) => value({ nodes, single: false });
  const isXML = (x) => (typeof x === 'object' && x !== null || typeof x === 'function') && inner.has(x);
  $.isXML = isXML;
  const nodesOf = (x) => {
    if (isXML(x)) return inner.get(x).nodes.map((node) => node.kind === 'attribute' ? built(node.value) : copied(node));
    return [built(text(x))];
  };
  const keyOf = (x) => x instanceof QName ? '{' + (x.uri === null ? '' : x.uri) + '}' + x.localName : text(x);

  const created = (list, wanted) => {
    let parent = list.nodes[0];
    if (parent === undefined && list.owner) {
      parent = created(list.owner, nameOf(list.key));
      list.nodes.push(parent);
      return created(list, wanted);
    }
    const child = element(wanted.name, wanted.uri || '', '');
    parent.children.push(adopt(child, parent));
    return child;
  };
  const fill = (node, given) => {
    if (node.kind === 'attribute' || node.kind === 'text') { node.value = text(given); return; }
    node.children = nodesOf(given).map((child) => adopt(child, node));
  };
  const assign = (list, key, given) => {
    if (/^\d+$/.test(key)) {
      const node = list.nodes[Number(key)];
      if (node !== undefined) put(node, given);
      else if (list.owner && list.owner.nodes[0]) {
        for (const one of nodesOf(given)) { list.owner.nodes[0].children.push(adopt(one, list.owner.nodes[0])); list.nodes.push(one); }
      }
      return;
    }
    const wanted = nameOf(key);
    if (wanted.attribute) {
      const node = list.nodes[0] || created(list.owner, nameOf(list.key));
      const item = node.attributes.find((one) => fits(one, wanted));
      if (item !== undefined) item.value = text(given);
      else node.attributes.push({ kind: 'attribute', name: wanted.name, uri: wanted.uri || '', prefix: '', value: text(given), parent: node });
      return;
    }
    const known = select(list, key).nodes;
    if (known.length === 0) {
      if (isXML(given) && inner.get(given).nodes.some((node) => node.kind === 'element')) {
        const parent = list.nodes[0] || created(list.owner, nameOf(list.key));
        for (const one of nodesOf(given)) parent.children.push(adopt(one, parent));
      } else fill(created(list, wanted), given);
      return;
    }
    put(known[0], given);
    for (const node of known.slice(1)) cut(node);
  };
  const put = (node, given) => {
    const elements = isXML(given) && inner.get(given).nodes.some((one) => one.kind === 'element');
    if (!elements || node.parent === null) { fill(node, given); return; }
    const at = node.parent.children.indexOf(node);
    node.parent.children.splice(at, 1, ...nodesOf(given).map((one) => adopt(one, node.parent)));
  };
  const cut = (node) => {
    if (node.parent === null) return;
    const among = node.kind === 'attribute' ? node.parent.attributes : node.parent.children;
    const at = among.indexOf(node);
    if (at >= 0) among.splice(at, 1);
  };
  const insert = (list, given, at) => {
    const parent = list.nodes[0];
    parent.children.splice(at, 0, ...nodesOf(given).map((one) => adopt(one, parent)));
    return single(parent);
  };
  const placeOf = (list, child) => isXML(child) ? list.nodes[0].children.indexOf(inner.get(child).nodes[0]) : -1;

  const ofKind = (kind) => (list) =>
    listOf(list.nodes.flatMap((node) => (node.children || []).filter((child) => child.kind === kind)));
  const METHODS = {
    __proto__: null,
    addNamespace: (list, [ns]) => {
      list.nodes[0].namespaces.push([ns.prefix || '', text(ns.uri === undefined ? ns : ns.uri)]);
      return single(list.nodes[0]);
    },
    appendChild: (list, [child]) => insert(list, child, list.nodes[0].children.length),
    attribute: (list, [name]) => value(select(list, '@' + keyOf(name))),
    attributes: (list) => value(select(list, '@*')),
    child: (list, [name]) => typeof name === 'number'
      ? listOf(list.nodes.flatMap((node) => node.children.slice(name, name + 1))) : value(select(list, keyOf(name))),
    childIndex: (list) => {
      const node = list.nodes[0];
      return node.parent === null ? -1 : node.parent.children.indexOf(node);
    },
    children: (list) => value(select(list, '*')),
    comments: ofKind('comment'),
    contains: (list, [other]) => list.nodes.some((node) => printed(node, 0) === (isXML(other) ? asXml(inner.get(other)) : text(other))),
    copy: (list) => value({ nodes: list.nodes.map(copied), single: list.single }),
    descendants: (list, [name]) => value(select(list, '..' + (name === undefined ? '*' : keyOf(name)))),
    elements: (list, [name]) => {
      const found = select(list, name === undefined ? '*' : keyOf(name));
      found.nodes = found.nodes.filter((node) => node.kind === 'element');
      return value(found);
    },
    hasComplexContent: (list) => !isSimple(list.nodes),
    hasOwnProperty: (list, [name]) => /^\d+$/.test(text(name)) ? Number(name) < list.nodes.length : select(list, keyOf(name)).nodes.length > 0,
    hasSimpleContent: (list) => isSimple(list.nodes),
    inScopeNamespaces: (list) => Object.entries(inScope(list.nodes[0])).map(([prefix, uri]) => new Namespace(prefix, uri)),
    insertChildAfter: (list, [before, child]) => insert(list, child, placeOf(list, before) + 1),
    insertChildBefore: (list, [after, child]) => insert(list, child, after === null ? list.nodes[0].children.length : placeOf(list, after)),
    length: (list) => list.single ? 1 : list.nodes.length,
    localName: (list) => list.nodes.length === 0 || list.nodes[0].name === undefined ? null : list.nodes[0].name,
    name: (list) => list.nodes.length === 0 || list.nodes[0].name === undefined ? null : new QName(list.nodes[0].uri || '', list.nodes[0].name),
    namespace: (list, [prefix]) => {
      if (prefix !== undefined) { const uri = inScope(list.nodes[0])[text(prefix)]; return uri === undefined ? undefined : new Namespace(prefix, uri); }
      return new Namespace(list.nodes[0].prefix || '', list.nodes[0].uri || '');
    },
    namespaceDeclarations: (list) => list.nodes[0].namespaces.map(([prefix, uri]) => new Namespace(prefix, uri)),
    nodeKind: (list) => list.nodes.length === 0 ? 'text' : list.nodes[0].kind,
    normalize: (list) => value(list),
    parent: (list) => list.nodes.length === 0 || list.nodes[0].parent === null ? undefined : single(list.nodes[0].parent),
    prependChild: (list, [child]) => insert(list, child, 0),
    processingInstructions: ofKind('processing-instruction'),
    removeNamespace: (list, [ns]) => {
      const node = list.nodes[0];
      node.namespaces = node.namespaces.filter((item) => item[1] !== text(ns.uri === undefined ? ns : ns.uri));
      return single(node);
    },
    replace: (list, [name, given]) => { assign(list, keyOf(name), given); return single(list.nodes[0]); },
    setChildren: (list, [given]) => { fill(list.nodes[0], given); return single(list.nodes[0]); },
    setLocalName: (list, [name]) => { list.nodes[0].name = text(name); },
    setName: (list, [name]) => {
      const node = list.nodes[0];
      if (name instanceof QName) { node.name = name.localName; node.uri = name.uri || ''; } else node.name = text(name);
    },
    setNamespace: (list, [ns]) => {
      const node = list.nodes[0];
      node.uri = text(ns.uri === undefined ? ns : ns.uri);
      node.prefix = ns.prefix || '';
      node.namespaces.push([node.prefix, node.uri]);
    },
    text: (list) => listOf(list.nodes.flatMap((node) => (node.children || []).filter((child) => child.kind === 'text'))),
    toJSON: (list) => asText(list),
    toString: (list) => asText(list),
    toXMLString: (list) => asXml(list),
    toSource: (list) => asXml(list),
    valueOf: (list) => value(list),
    $where: (list, [test]) => listOf(list.nodes.filter((node) => test(single(node)))),
  };
  const handler = {
    get(target, key) {
      const list = inner.get(target);
      if (key === Symbol.toPrimitive) return () => asText(list);
      if (key === Symbol.iterator) return () => list.nodes.map(single)[Symbol.iterator]();
      if (typeof key === 'symbol') return undefined;
      if (/^\d+$/.test(key)) {
        const node = list.nodes[Number(key)];
        return node === undefined ? undefined : single(node);
      }
      return value(select(list, key), METHODS[key]);
    },
    set(target, key, given) { assign(inner.get(target), text(key), given); return true; },
    has(target, key) {
      const list = inner.get(target);
      if (typeof key === 'symbol') return false;
      return /^\d+$/.test(key) ? Number(key) < list.nodes.length : select(list, key).nodes.length > 0;
    },
    deleteProperty(target, key) {
      const list = inner.get(target);
      if (/^\d+$/.test(key)) { const node = list.nodes[Number(key)]; if (node !== undefined) { cut(node); list.nodes.splice(Number(key), 1); } }
      else for (const node of select(list, key).nodes) cut(node);
      return true;
    },
    ownKeys(target) { return inner.get(target).nodes.map((node, index) => text(index)); },
    getOwnPropertyDescriptor(target, key) {
      const list = inner.get(target);
      if (typeof key === 'string' && /^\d+$/.test(key) && Number(key) < list.nodes.length) {
        return { value: single(list.nodes[Number(key)]), writable: true, enumerable: true, configurable: true };
      }
      return undefined;
    },
    getPrototypeOf(target) { return inner.get(target).single ? XML.prototype : XMLList.prototype; },
  };

  const make = (source) => {
    if (isXML(source)) return inner.get(source).nodes.map(copied);
    if (source === undefined || source === null) return [];
    return parsed(text(source));
  };
  const XML = function XML(source) {
    const nodes = make(source);
    if (nodes.length > 1) throw new SyntaxError('XML markup after the end of the document element');
    return value({ nodes: nodes.length === 0 ? [built('')] : nodes, single: true });
  };
  const XMLList = function XMLList(source) { return listOf(make(source)); };
  Object.assign(XML, settings);
  for (const name of Object.keys(settings)) {
    Object.defineProperty(XML, name, { get: () => settings[name], set: (given) => { settings[name] = given; } });
  }
  const defaults = { ...settings };
  const before = $.reset;
  $.reset = () => { if (before) before(); Object.assign(settings, defaults); defaultUri = ''; };

  // What the dialect's rewriting calls.
  const uriOf = (ns) => ns === '*' ? null : text(ns instanceof Namespace || ns instanceof QName ? ns.uri : ns);
  const operators = {
    each(object) {
      if (isXML(object)) return inner.get(object).nodes.map(single);
      const all = [];
      if (object !== null && object !== undefined) for (const key in object) all.push(object[key]);
      return all;
    },
    q(ns, name) { const uri = uriOf(ns); return uri === null ? keyOf(name) : '{' + uri + '}' + keyOf(name); },
    at(name) { return '@' + keyOf(name); },
    deep(name) { return '..' + keyOf(name); },
    xml(source) { return XML(source); },
    list(source) { return XMLList(source); },
    content(given) { return isXML(given) ? asXml(inner.get(given)) : escaped(given); },
    attribute(given) { return '"' + quoted(given) + '"'; },
    space(uri) { defaultUri = uriOf(uri); },
  };
  if ($.views !== undefined) {
    $.views.xml = {
      make: (body) => XML(body.trim()),
      print: (given) => asXml(inner.get(given)),
    };
    Object.defineProperty(String.prototype, 'asXML', { get() { return $.view('xml', text(this)); }, configurable: true });
  }
  $.frozen.push(XML, XMLList, Namespace, QName, operators);
  $.globals.XML = () => XML;
  $.globals.XMLList = () => XMLList;
  $.globals.Namespace = () => factory(Namespace);
  $.globals.QName = () => factory(QName);
  $.globals.isXMLName = () => (name) => /^[\p{L}_][\p{L}\p{N}._-]*$/u.test(text(name));
  $.globals.$e4x = () => operators;
  // Namespace('u') makes one as new Namespace('u') does.
  const factory = (type) => new Proxy(type, { apply: (to, self, given) => new type(...given) });
})
