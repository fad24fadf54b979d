import { checkUrl } from './url-rules.js';

interface Exceptions {
  allowedHosts?: string[];
  extraPorts?: number[];
}

/** 'requested', 'exempt' from the SSRF filter, or the reason of a rejection. */
function check(url: string, { allowedHosts = [], extraPorts = [] }: Exceptions = {}): string {
  const checked = checkUrl(url, { allowedHosts: new Set(allowedHosts), extraPorts: new Set(extraPorts) });
  if (checked.kind === 'refused') return checked.reason;
  return checked.isExempt ? 'exempt' : 'requested';
}

/** A URL that is this long. */
const long = (length: number) => 'http://host.example/'.padEnd(length, 'a');

describe('addresses that are not public', () => {
  it.each([
    ['in decimals', 'http://127.0.0.1/'],
    ['as one number', 'http://2130706433/'],
    ['as one octal number', 'http://017700000001/'],
    ['as one octal number with many zeros', 'http://0000000000017700000001/'],
    ['as one hexadecimal number', 'http://0x7f000001/'],
    ['as one hexadecimal number in upper case', 'http://0X7F000001/'],
    ['as one hexadecimal number with zeros', 'http://0x000000007f000001/'],
    ['as one hexadecimal number with a dot', 'http://0x7f000001./'],
    ['of two parts', 'http://127.1/'],
    ['of three parts', 'http://127.0.1/'],
    ['of two parts, octal', 'http://0177.1/'],
    ['of two parts, hexadecimal', 'http://0x7f.1/'],
    ['with octal parts', 'http://0177.0.0.01/'],
    ['with zeros before, which are octal', 'http://127.000.000.001/'],
    ['with hexadecimal parts', 'http://0x7f.0x0.0x0.0x1/'],
    ['with decimal, octal and hexadecimal parts', 'http://127.0x0.00.0x1/'],
    ['with parts of nothing but 0x', 'http://127.0x.0x.1/'],
    ['as 0', 'http://0/'],
    ['as nothing but 0x', 'http://0x/'],
    ['as the largest number', 'http://4294967295/'],
    ['as the largest number in hexadecimal', 'http://0xffffffff/'],
    ['as the largest number in octal', 'http://037777777777/'],
    ['with a dot at the end', 'http://127.0.0.1./'],
    ['with an encoded dot at the end', 'http://127.0.0.1%2e/'],
    ['with a port', 'http://127.0.0.1:80/'],
    ['over https', 'https://127.0.0.1/'],
    ['with a port of its own, for its address and not its port', 'http://127.0.0.1:6379/'],
    ['with its scheme in upper case', 'HTTP://127.0.0.1/'],
    ['private, of two parts', 'http://10.1/'],
    ['private, of three parts', 'http://192.168.257/'],
    ['private, with a large second part', 'http://172.1048577/'],
    ['private, as one number', 'http://3232235777/'],
    ['private, with octal parts', 'http://0300.0250.1.1/'],
    ['private, with a hexadecimal end', 'http://10.0x1/'],
    ['cloud metadata, in decimals', 'http://169.254.169.254/latest/meta-data/'],
    ['cloud metadata, as one number', 'http://2852039166/'],
    ['cloud metadata, as one hexadecimal number', 'http://0xA9FEA9FE/'],
    ['cloud metadata, as one octal number', 'http://025177524776/'],
    ['cloud metadata, with hexadecimal parts', 'http://0xa9.0xfe.0xa9.0xfe/'],
    ['cloud metadata, with octal parts', 'http://0251.0376.0251.0376/'],
    ['cloud metadata, of three parts', 'http://169.254.43518/'],
    ['cloud metadata, of two parts', 'http://169.16689662/'],
    ['in full-width digits', 'http://１２７.０.０.１/'],
    ['with full-width dots', 'http://127．0．0．1/'],
    ['with ideographic dots', 'http://127。0。0。1/'],
    ['with half-width ideographic dots', 'http://127｡0｡0｡1/'],
    ['in full-width digits and all kinds of dots', 'http://１２７。０．０｡１/'],
    ['in full-width digits, short', 'http://１２７.１/'],
    ['in full-width hexadecimal', 'http://０ｘ７ｆ.１/'],
    ['in digits in circles', 'http://①②⑦.⓪.⓪.①/'],
    ['cloud metadata, in numbers in circles', 'http://①⑥⑨.②⑤④.①⑥⑨.②⑤④/'],
    ['in superscript', 'http://¹²⁷.⁰.⁰.¹/'],
    ['in mathematical digits', 'http://𝟏𝟐𝟕.𝟎.𝟎.𝟏/'],
    ['with a soft hyphen', 'http://127.0.0\u00ad.1/'],
    ['with a zero-width space', 'http://127.0.0.1\u200b/'],
    ['with a word joiner', 'http://12\u20607.0.0.1/'],
    ['with a byte order mark', 'http://127.0.0.1\ufeff/'],
    ['percent-encoded', 'http://%31%32%37.0.0.1/'],
    ['percent-encoded, dots', 'http://127%2e0%2E0%2e1/'],
    ['percent-encoded, full width', 'http://%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1/'],
    ['percent-encoded, ideographic dots', 'http://127%E3%80%820%E3%80%820%E3%80%821/'],
    ['with a tab in it', 'http://127.0\t.0.1/'],
    ['with a line break in it', 'http://127.0.\r\n0.1/'],
    ['with blanks and control characters around it', ' \u0000\u001fhttp://127.0.0.1/ \n'],
    ['with a tab in its scheme', 'ht\ttp://127.0.0.1/'],
    ['without slashes', 'http:127.0.0.1/'],
    ['with one slash', 'http:/127.0.0.1/'],
    ['with three slashes', 'http:///127.0.0.1/'],
    ['with many slashes', 'http://///////127.0.0.1/'],
    ['with backslashes', 'http:\\\\127.0.0.1\\'],
    ['with a slash and a backslash', 'http:/\\127.0.0.1/'],
    ['before a backslash and what looks like another host', 'http://127.0.0.1\\@host.example/'],
    ['before a path that looks like another host', 'http://127.0.0.1/@host.example/'],
    ['before a query that looks like another host', 'http://127.0.0.1?@host.example/'],
    ['before a fragment that looks like another host', 'http://127.0.0.1#@host.example/'],
    ['after empty user info', 'http://@127.0.0.1/'],
    ['after an empty user and password', 'http://:@127.0.0.1/'],
    ['after an empty port', 'http://127.0.0.1:/'],
    ['of IPv6', 'http://[::1]/'],
    ['of IPv6, in full', 'http://[0000:0000:0000:0000:0000:0000:0000:0001]/'],
    ['of IPv6, half short', 'http://[0:0::0:1]/'],
    ['of IPv6, unspecified', 'http://[::]/'],
    ['of IPv6, in upper case', 'http://[FE80::ABCD]/'],
    ['of IPv6, with a port', 'http://[::1]:443/'],
    ['of IPv6, unique local', 'http://[fd12:3456:789a::1]/'],
    ['mapped, with decimals', 'http://[::ffff:127.0.0.1]/'],
    ['mapped, in full', 'http://[0:0:0:0:0:FFFF:7F00:1]/'],
    ['mapped, half short', 'http://[::0:ffff:10.0.0.1]/'],
    ['compatible, with decimals', 'http://[::127.0.0.1]/'],
    ['in NAT64, with decimals', 'http://[64:ff9b::169.254.169.254]/'],
    ['by ISATAP, with decimals', 'http://[2607:f8b0::5efe:192.168.0.1]/'],
  ])('an address that is not public is blocked in every spelling: %s: %j [E10]', (_, url) => {
    expect(check(url)).toBe('blocked_address');
  });
});

describe('public addresses', () => {
  it.each([
    ['in decimals', 'http://8.8.8.8/'],
    ['as one number', 'http://134744072/'],
    ['as one octal number', 'http://01002004010/'],
    ['as one hexadecimal number', 'http://0x08080808/'],
    ['of two parts', 'http://8.526344/'],
    ['of three parts', 'http://8.8.2056/'],
    ['with octal parts', 'http://010.010.010.010/'],
    ['with a dot at the end', 'http://8.8.8.8./'],
    ['in full-width digits', 'http://８.８.８.８/'],
    ['percent-encoded', 'http://%38.8.8.8/'],
    ['over https', 'https://8.8.8.8/'],
    ['before a path that looks like another host', 'http://8.8.8.8\\@127.0.0.1/'],
    ['before a fragment that looks like another host', 'http://8.8.8.8#@127.0.0.1/'],
    ['before a query with a private one', 'http://8.8.8.8?url=http://127.0.0.1/'],
    ['of IPv6', 'http://[2606:4700:4700::1111]/'],
    ['of IPv6, in full and upper case', 'http://[2606:4700:4700:0000:0000:0000:0000:1111]/'],
    ['of IPv6, ending in decimals', 'http://[2606:4700:4700::8.8.8.8]/'],
  ])('a public address is requested in every spelling: %s: %s', (_, url) => {
    expect(check(url)).toBe('requested');
  });
});

describe('names reserved for this machine or its network', () => {
  it.each([
    ['localhost [E1]', 'http://localhost/'],
    ['localhost in upper case', 'http://LOCALHOST/'],
    ['localhost with a dot at the end', 'http://localhost./'],
    ['localhost over https', 'https://localhost/'],
    ['localhost with a port of its own [E1]', 'http://localhost:9876/'],
    ['a subdomain of localhost', 'http://wallet.localhost/'],
    ['a subdomain of a subdomain of localhost', 'http://a.b.localhost/'],
    ['a subdomain of localhost with a dot at the end', 'http://wallet.localhost./'],
    ['localhost in full width', 'http://ｌｏｃａｌｈｏｓｔ/'],
    ['localhost in letters in circles', 'http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/'],
    ['localhost with a long s', 'http://localho\u017ft/'],
    ['localhost with a script l', 'http://\u2113ocalhost/'],
    ['localhost with a soft hyphen', 'http://local\u00adhost/'],
    ['localhost with a zero-width space', 'http://local\u200bhost/'],
    ['localhost, percent-encoded', 'http://%6c%6fcalhost/'],
    ['localhost with an ideographic dot at the end', 'http://localhost。/'],
    ['localhost with a line break', 'http://local\nhost/'],
    ['localhost with a backslash', 'http://localhost\\@host.example/'],
    ['a name of multicast DNS', 'http://printer.local/'],
    ['a name of multicast DNS in upper case', 'http://Printer.LOCAL/'],
    ['a name of multicast DNS with a dot at the end', 'http://printer.local./'],
    ['a service of a Kubernetes cluster', 'http://api.default.svc.cluster.local/'],
    ['the top of multicast DNS', 'http://local/'],
    ['a name of a private network', 'http://vault.internal/'],
    ['the metadata service of GCP', 'http://metadata.google.internal/computeMetadata/v1/'],
    ['the metadata service of GCP with a dot at the end', 'http://metadata.google.internal./computeMetadata/v1/'],
    ['the host of a container', 'http://host.docker.internal/'],
    ['a machine of AWS', 'http://ip-10-0-0-1.ec2.internal/'],
    ['the top of private networks', 'http://internal/'],
    ['a name of a home network', 'http://router.home.arpa/'],
    ['the top of home networks', 'http://home.arpa/'],
  ])('a name reserved for this machine or its network is blocked, whatever it resolves to: %s: %j', (_, url) => {
    expect(check(url)).toBe('blocked_address');
  });
});

describe('other names', () => {
  it.each([
    ['an ordinary one', 'https://host.example/1.json'],
    ['with a dot at the end', 'https://host.example./1.json'],
    ['in upper case', 'https://HOST.EXAMPLE/1.json'],
    ['that begins with localhost', 'https://localhost.example/'],
    ['that ends in localhost', 'https://notlocalhost/'],
    ['that ends in a domain like localhost', 'https://host.notlocalhost/'],
    ['with local within', 'https://host.local.example/'],
    ['that ends like local', 'https://host.notlocal/'],
    ['with internal within', 'https://internal.host.example/'],
    ['that ends like internal', 'https://host.notinternal/'],
    ['of reverse DNS', 'https://host.nothome.arpa/'],
    ['that looks like a private address', 'https://10.0.0.1.nip.io/'],
    ['with an address and a letter', 'https://127.0.0.1x/'],
    ['with an address and two dots, which no URL knows as one', 'https://127.0.0.1../'],
    ['in Punycode', 'https://xn--mnchen-3ya.example/'],
    ['in letters beyond ASCII', 'https://münchen.example/'],
    ['with a letter that IDNA 2003 wrote otherwise', 'https://straße.example/'],
    ['with an underscore', 'https://a_b.example/'],
    ['of one part', 'https://intranet/'],
  ])('any other name passes, and is checked again when it is resolved: %s: %s', (_, url) => {
    expect(check(url)).toBe('requested');
  });
});

describe('texts that are not URLs', () => {
  it.each([
    ['nothing', ''],
    ['blanks', '  \n'],
    ['a path', '/1.json'],
    ['a host without a scheme', 'host.example/1.json'],
    ['slashes and a host', '//127.0.0.1/'],
    ['a scheme alone', 'http:'],
    ['no host', 'http://'],
    ['a port without a host', 'http://:80/'],
    ['user info without a host', 'http://user@/'],
    ['a number that is too large', 'http://4294967296/'],
    ['a much too large number', 'http://7147006462/'],
    ['a much too large hexadecimal number', 'http://0x41414141A9FEA9FE/'],
    ['an address with too large parts', 'http://425.510.425.510/'],
    ['an address with a part of 256', 'http://256.0.0.1/'],
    ['an address with a last part too large', 'http://127.0.0.256/'],
    ['an address of five parts', 'http://1.1.1.1.1/'],
    ['an address with digits that are not octal', 'http://08.8.8.8/'],
    ['an address without its first part', 'http://.127.0.0.1/'],
    ['an address without a part', 'http://127..0.1/'],
    ['an address with a sign', 'http://+127.0.0.1/'],
    ['two addresses', 'http://127.0.0.1,8.8.8.8/'],
    ['an address in Arabic digits', 'http://١٢٧.0.0.1/'],
    ['an address with a one-dot leader', 'http://127.0.0.1\u2024example/'],
    ['an address with a zero-width joiner', 'http://\u200d127.0.0.1/'],
    ['an address and an encoded NUL', 'http://127.0.0.1%00.host.example/'],
    ['an address and an encoded slash', 'http://127.0.0.1%2f.host.example/'],
    ['an address and an encoded backslash', 'http://127.0.0.1%5c.host.example/'],
    ['an address and an encoded @', 'http://host.example%40127.0.0.1/'],
    ['an address and an encoded #', 'http://127.0.0.1%23.host.example/'],
    ['an address and an encoded line break', 'http://127.0.0.1%0d%0aHost:x/'],
    ['an address and a blank', 'http://127.0.0.1 host.example/'],
    ['an address and an encoded blank', 'http://127.0.0.1%20host.example/'],
    ['an address encoded twice', 'http://%2531%2532%2537.0.0.1/'],
    ['a control character in the host', 'http://host\u0001.example/'],
    ['a NUL in the host', 'http://host\u0000.example/'],
    ['DEL in the host', 'http://host\u007f.example/'],
    ['half a surrogate pair in the host', 'http://host\ud800.example/'],
    ['invalid UTF-8 in the host', 'http://%ff.example/'],
    ['a full-width slash in the host', 'http://127.0.0.1／host.example/'],
    ['a care-of sign in the host', 'http://host.example℀127.0.0.1/'],
    ['an angle bracket in the host', 'http://<host>/'],
    ['a bar in the host', 'http://a|b/'],
    ['empty Punycode', 'http://xn--/'],
    ['IPv6 without brackets', 'http://::1/'],
    ['IPv6 without the second bracket', 'http://[::1/'],
    ['IPv6 with two brackets', 'http://[[::1]]/'],
    ['IPv6 with a dot at the end', 'http://[::1]./'],
    ['IPv6 in full width', 'http://[::１]/'],
    ['IPv6 in percent-encoded brackets', 'http://%5b::1%5d/'],
    ['IPv6 with a zone', 'http://[fe80::1%25eth0]/'],
    ['IPv6 with a zone that is not encoded', 'http://[fe80::1%eth0]/'],
    ['IPv6 with an empty zone', 'http://[::1%25]/'],
    ['IPv6 with nine groups', 'http://[1:2:3:4:5:6:7:8:9]/'],
    ['IPv6 with two gaps', 'http://[1::2::3]/'],
    ['IPv6 with a group too long', 'http://[::00001]/'],
    ['IPv6 with a short IPv4', 'http://[::ffff:127.1]/'],
    ['IPv6 with a hexadecimal IPv4', 'http://[::ffff:0x7f.0.0.1]/'],
    ['IPv6 with an octal IPv4', 'http://[::ffff:0177.0.0.1]/'],
    ['an address of a version to come', 'http://[v1.::1]/'],
    ['IPv4 in brackets', 'http://[127.0.0.1]/'],
    ['a port that is too large', 'http://host.example:65536/'],
    ['a port that wraps to 80', 'http://host.example:65616/'],
    ['a port below zero', 'http://host.example:-1/'],
    ['a port with a letter', 'http://host.example:80a/'],
    ['a port in hexadecimal', 'http://host.example:0x50/'],
    ['a port in full width', 'http://host.example:８０/'],
    ['two ports', 'http://127.0.0.1:80:80/'],
    ['a user', 'http://user@host.example/'],
    ['a user and a password', 'https://user:secret@host.example/'],
    ['a password without a user', 'https://:secret@host.example/'],
    ['a user that looks like a host', 'http://host.example@127.0.0.1/'],
    ['a user that looks like a private host', 'http://127.0.0.1@host.example/'],
    ['a user that looks like a host and a port', 'http://127.0.0.1:80@host.example/'],
    ['two users', 'http://a@b@127.0.0.1/'],
    ['a user in percent-encoding', 'http://%75ser@host.example/'],
    ['a user before a private address', 'http://user@127.0.0.1/'],
    ['a user after slashes', 'http:///user@host.example/'],
  ])('a text that is not a URL is rejected: %s: %j', (_, url) => {
    expect(check(url)).toBe('invalid_uri');
  });
});

describe('schemes', () => {
  it.each([
    'file:///etc/passwd',
    'file://localhost/etc/passwd',
    'FILE:///etc/passwd',
    'ftp://host.example/1.json',
    'ftps://host.example/1.json',
    'sftp://host.example/1.json',
    'tftp://host.example/1.json',
    'gopher://127.0.0.1:6379/_INFO',
    'dict://127.0.0.1:11211/stats',
    'ldap://127.0.0.1/',
    'ws://host.example/',
    'wss://host.example/',
    'unix:/var/run/docker.sock',
    'http+unix://%2fvar%2frun%2fdocker.sock/info',
    'jar:http://127.0.0.1!/',
    'view-source:http://127.0.0.1/',
    'blob:http://127.0.0.1/1',
    'url:http://127.0.0.1/',
    'javascript:fetch("http://127.0.0.1")',
    'data:application/json,{"name":"a"}',
    'ipfs://host.example/1.json',
    'about:blank',
    'mailto:a@host.example',
    'node:fs',
    'localhost:80/1.json',
    'httpx://host.example/',
  ])('a scheme other than http and https is rejected: %s', (url) => {
    expect(check(url)).toBe('unsupported_scheme');
  });
});

describe('ports', () => {
  it.each([
    'http://host.example/',
    'http://host.example:/',
    'http://host.example:80/',
    'http://host.example:0080/',
    'http://host.example:443/',
    'https://host.example/',
    'https://host.example:443/',
    'https://host.example:80/',
    'https://8.8.8.8:443/',
    'https://[2606:4700:4700::1111]:443/',
  ])('a port may be 80 or 443: %s [E11]', (url) => {
    expect(check(url)).toBe('requested');
  });

  it.each([
    'http://host.example:0/',
    'https://host.example:000/',
    'http://host.example:1/',
    'http://host.example:22/',
    'http://host.example:25/',
    'http://host.example:79/',
    'http://host.example:81/',
    'http://host.example:444/',
    'http://host.example:2375/',
    'http://host.example:3306/',
    'http://host.example:5432/',
    'http://host.example:6379/',
    'http://host.example:8080/',
    'http://host.example:8443/',
    'http://host.example:9200/',
    'http://host.example:11211/',
    'http://host.example:27017/',
    'http://host.example:65535/',
    'http://8.8.8.8:8080/',
    'http://[2606:4700:4700::1111]:8080/',
  ])('a port may not be another one: %s [E11]', (url) => {
    expect(check(url)).toBe('blocked_port');
  });

  it.each([
    ['http://host.example:8443/', 'requested'],
    ['https://8.8.8.8:8443/', 'requested'],
    ['http://host.example/', 'requested'],
    ['http://host.example:8444/', 'blocked_port'],
    ['http://127.0.0.1:8443/', 'blocked_address'],
    ['http://[::1]:8443/', 'blocked_address'],
    ['http://localhost:8443/', 'blocked_address'],
  ])('a port in extraPorts is allowed for public hosts only: %s is %s', (url, expected) => {
    expect(check(url, { extraPorts: [8443] })).toBe(expected);
  });
});

describe('hosts in allowedHosts', () => {
  const allowedHosts = ['127.0.0.1:4000', 'localhost:4000', 'gateway.internal:80', '[::1]:4000', '10.0.0.7:443'];

  it.each([
    'http://127.0.0.1:4000/1',
    'https://127.0.0.1:4000/1',
    'http://2130706433:4000/1',
    'http://localhost:4000/1',
    'http://LOCALHOST:4000/1',
    'http://gateway.internal/1',
    'http://gateway.internal:80/1',
    'http://[::1]:4000/1',
    'http://[0:0:0:0:0:0:0:1]:4000/1',
    'https://10.0.0.7/1',
  ])('a host in allowedHosts bypasses the SSRF filter: %s [E13, E16]', (url) => {
    expect(check(url, { allowedHosts })).toBe('exempt');
  });

  it.each([
    ['on another port', 'http://127.0.0.1:4001/1', 'blocked_address'],
    ['on the usual port', 'http://127.0.0.1/1', 'blocked_address'],
    ['by another address of loopback', 'http://127.0.0.2:4000/1', 'blocked_address'],
    ['by a mapped address', 'http://[::ffff:127.0.0.1]:4000/1', 'blocked_address'],
    ['by a name on another port', 'http://localhost:80/1', 'blocked_address'],
    ['by a name with a dot at the end', 'http://localhost.:4000/1', 'blocked_address'],
    ['by a subdomain', 'http://a.localhost:4000/1', 'blocked_address'],
    ['by a sibling', 'http://other.internal/1', 'blocked_address'],
    ['over the port of the other scheme', 'https://gateway.internal/1', 'blocked_address'],
    ['over the other port of its scheme', 'http://10.0.0.7/1', 'blocked_address'],
    ['with user info', 'http://user@localhost:4000/1', 'invalid_uri'],
    ['with another scheme', 'ftp://localhost:4000/1', 'unsupported_scheme'],
    ['on port 0, which would connect to 80', 'http://gateway.internal:0/1', 'blocked_address'],
    ['as a user', 'http://localhost:4000@host.example/1', 'invalid_uri'],
    ['as the beginning of a name', 'http://localhost:4000.host.example/1', 'invalid_uri'],
  ])('a host in allowedHosts has to match in name and port, and not %s: %s [E13]', (_, url, expected) => {
    expect(check(url, { allowedHosts })).toBe(expected);
  });
});

describe('lengths and characters of URLs', () => {
  it.each([
    ['of 8 KB', 'requested', long(8192)],
    ['of 8 KB and one character', 'invalid_uri', long(8193)],
    ['of a megabyte', 'invalid_uri', long(1024 * 1024)],
    ['of 8 KB with its fragment', 'requested', `${long(8000)}#${'b'.repeat(191)}`],
    ['longer than 8 KB with its fragment', 'invalid_uri', `${long(8000)}#${'b'.repeat(192)}`],
    ['longer than 8 KB once it is encoded', 'invalid_uri', `http://host.example/${'é'.repeat(2000)}`],
    ['within 8 KB once it is encoded', 'requested', `http://host.example/${'é'.repeat(1000)}`],
    ['with 8 KB of blanks around it', 'invalid_uri', `http://host.example/${' '.repeat(8192)}`],
    ['longer than 8 KB, to a private address', 'invalid_uri', long(9000).replace('host.example', '127.0.0.1')],
    ['with an encoded line break in its path', 'requested', 'http://host.example/%0d%0aHost:%20x'],
    ['with a line break in its path, which goes', 'requested', 'http://host.example/\r\nHost:x'],
    ['with control characters in its path, which are encoded', 'requested', 'http://host.example/\u0001\u007f'],
  ])('a URL %s is %s', (_, expected, url) => {
    expect(check(url)).toBe(expected);
  });

  it('a URL is sent without line breaks, control characters and spaces', () => {
    const checked = checkUrl('http://host.example/a\r\nb\u0001c d?e\tf g\u007f', {
      allowedHosts: new Set(),
      extraPorts: new Set(),
    });

    expect(checked).toMatchObject({ url: { pathname: '/ab%01c%20d', search: '?ef%20g%7F' } });
  });
});
