import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.NoRouteToHostException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Properties;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import net.i2p.I2PAppContext;
import net.i2p.client.I2PClient;
import net.i2p.client.I2PClientFactory;
import net.i2p.client.I2PSession;
import net.i2p.client.I2PSessionMuxedListener;
import net.i2p.client.SendMessageOptions;
import net.i2p.client.SendMessageStatusListener;
import net.i2p.client.datagram.I2PDatagramDissector;
import net.i2p.client.datagram.I2PDatagramMaker;
import net.i2p.client.streaming.I2PSocket;
import net.i2p.client.streaming.I2PSocketManager;
import net.i2p.client.streaming.I2PSocketManagerFactory;
import net.i2p.client.streaming.I2PSocketOptions;
import net.i2p.crypto.Blinding;
import net.i2p.crypto.SigType;
import net.i2p.data.Destination;

/**
 * Java's own I2CP and streaming libraries as an application of a router.
 *
 * <pre>
 * java I2cp serve HOST PORT [option=value…]         says "address ADDRESS", and echoes streams and datagrams
 * java I2cp ask HOST PORT ADDRESS WHAT… [option=value…]
 * </pre>
 *
 * WHAT is each of: transfer (MB each way at once), streams (many at once), ping, datagrams, status, lookups,
 * subsession, limits. keys=FILE is a key file, as i2p-keygen makes it. Each says a line; the first that fails ends it with status 1.
 */
public final class I2cp {
    private static final int MB = 1_000_000;

    private final String host;
    private final int port;
    private final Properties options = new Properties();
    private final List<String> words = new ArrayList<>();

    private I2cp(String[] args) {
        host = args[1];
        port = Integer.parseInt(args[2]);
        options.setProperty("i2cp.leaseSetEncType", "4");
        options.setProperty("i2cp.destination.sigType", "EdDSA_SHA512_Ed25519");
        for (String a : Arrays.asList(args).subList(3, args.length)) {
            if (a.contains("=")) {
                String[] pair = a.split("=", 2);
                options.setProperty(pair[0], pair[1]);
            } else {
                words.add(a);
            }
        }
    }

    public static void main(String[] args) throws Exception {
        I2cp it = new I2cp(args);
        if (args[0].equals("serve")) {
            it.serve();
        } else {
            it.ask();
        }
        System.exit(0);
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private I2PSocketManager manager() throws IOException {
        I2PSocketManager m;
        String keys = (String) options.remove("keys");
        if (keys == null) {
            m = I2PSocketManagerFactory.createManager(host, port, options);
        } else {
            try (InputStream file = new FileInputStream(keys)) {
                m = I2PSocketManagerFactory.createManager(file, host, port, options);
            }
        }
        if (m == null) {
            throw new IOException("no session with the router");
        }
        return m;
    }

    private void serve() throws Exception {
        I2PSocketManager m = manager();
        I2PSession session = m.getSession();
        session.addMuxedSessionListener(new Echo(session), I2PSession.PROTO_DATAGRAM, I2PSession.PORT_ANY);
        session.addMuxedSessionListener(new Echo(session), I2PSession.PROTO_DATAGRAM_RAW, I2PSession.PORT_ANY);
        Destination own = session.getMyDestination();
        if (options.getProperty("i2cp.leaseSetType", "3").equals("5")) {
            boolean perClient = !options.getProperty("i2cp.leaseSetAuthType", "0").equals("0");
            say("address " + Blinding.encode(own.getSigningPublicKey(),
                options.containsKey("i2cp.leaseSetSecret"), perClient));
        } else {
            say("address " + own.toBase32());
        }
        while (true) {
            I2PSocket stream = m.getServerSocket().accept();
            new Thread(() -> echo(stream)).start();
        }
    }

    private static void echo(I2PSocket stream) {
        try (stream) {
            InputStream in = stream.getInputStream();
            OutputStream out = stream.getOutputStream();
            byte[] b = new byte[32 * 1024];
            for (int n; (n = in.read(b)) >= 0; ) {
                out.write(b, 0, n);
                if (in.available() == 0) {
                    out.flush();
                }
            }
        } catch (IOException e) {
            say("stream: " + e.getMessage());
        }
    }

    /** Sends repliable datagrams back; raw ones have no sender. */
    private static final class Echo implements I2PSessionMuxedListener {
        private final I2PSession session;
        final BlockingQueue<String> came = new LinkedBlockingQueue<>();
        private final boolean back;

        Echo(I2PSession session) {
            this(session, true);
        }

        Echo(I2PSession session, boolean back) {
            this.session = session;
            this.back = back;
        }

        @Override
        public void messageAvailable(I2PSession s, int id, long size) {
            messageAvailable(s, id, size, I2PSession.PROTO_DATAGRAM, 0, 0);
        }

        @Override
        public void messageAvailable(I2PSession s, int id, long size, int proto, int from, int to) {
            try {
                byte[] b = s.receiveMessage(id);
                if (proto == I2PSession.PROTO_DATAGRAM_RAW) {
                    came.add("raw " + new String(b));
                    return;
                }
                I2PDatagramDissector d = new I2PDatagramDissector();
                d.loadI2PDatagram(b);
                came.add(new String(d.getPayload()));
                if (back) {
                    byte[] reply = new I2PDatagramMaker(session).makeI2PDatagram(d.getPayload());
                    session.sendMessage(d.getSender(), reply, I2PSession.PROTO_DATAGRAM, to, from);
                }
            } catch (Exception e) {
                say("datagram: " + e);
            }
        }

        @Override
        public void reportAbuse(I2PSession s, int severity) {}

        @Override
        public void disconnected(I2PSession s) {}

        @Override
        public void errorOccurred(I2PSession s, String message, Throwable error) {
            say("session: " + message + ": " + error);
        }
    }

    private void ask() throws Exception {
        I2PSocketManager m = manager();
        I2PSession session = m.getSession();
        Destination to = session.lookupDest(words.get(0), 60_000);
        if (to == null) {
            throw new IOException("the destination is not found");
        }
        for (String what : words.subList(1, words.size())) {
            long begun = System.nanoTime();
            String result = one(what, m, session, to);
            say(String.format("%s: %s, %.1f s", what, result, (System.nanoTime() - begun) / 1e9));
        }
    }

    private String one(String what, I2PSocketManager m, I2PSession session, Destination to) throws Exception {
        switch (what) {
            case "transfer":
                long begun = System.nanoTime();
                transfer(m, to, 20 * MB, 1);
                return String.format("20 MB each way at once, %.1f MB/s each", 20 / ((System.nanoTime() - begun) / 1e9));
            case "streams":
                return streams(m, to, 64);
            case "ping":
                if (!m.ping(to, 30_000)) {
                    throw new IOException("no pong");
                }
                return "a pong came";
            case "datagrams":
                return datagrams(session, to);
            case "status":
                return status(session, to);
            case "lookups":
                return lookups(session, to);
            case "subsession":
                return subsession(m, to);
            case "limits":
                return "in and out " + Arrays.toString(session.bandwidthLimits()) + " KBps";
            default:
                throw new IOException("there is no " + what);
        }
    }

    /** Echoes so many bytes, and compares their hashes. */
    private static void transfer(I2PSocketManager m, Destination to, int size, long seed) throws Exception {
        I2PSocketOptions o = m.buildOptions();
        o.setConnectTimeout(60_000);
        try (I2PSocket stream = m.connect(to, o)) {
            MessageDigest sent = MessageDigest.getInstance("SHA-256");
            Throwable[] failed = new Throwable[1];
            Thread writer = new Thread(() -> {
                try {
                    OutputStream out = stream.getOutputStream();
                    Random random = new Random(seed);
                    byte[] b = new byte[16 * 1024];
                    for (int left = size; left > 0; left -= Math.min(left, b.length)) {
                        random.nextBytes(b);
                        int n = Math.min(left, b.length);
                        sent.update(b, 0, n);
                        out.write(b, 0, n);
                    }
                    out.flush();
                } catch (Throwable e) {
                    failed[0] = e;
                }
            });
            writer.start();
            MessageDigest got = MessageDigest.getInstance("SHA-256");
            InputStream in = stream.getInputStream();
            byte[] b = new byte[32 * 1024];
            for (int left = size; left > 0; ) {
                int n = in.read(b, 0, Math.min(left, b.length));
                if (n < 0) {
                    throw new IOException("the stream ended " + left + " bytes early");
                }
                got.update(b, 0, n);
                left -= n;
            }
            writer.join();
            if (failed[0] != null) {
                throw new IOException(failed[0]);
            }
            if (!Arrays.equals(sent.digest(), got.digest())) {
                throw new IOException("what came back is not what was sent");
            }
        }
    }

    private interface Attempt {
        void run() throws Exception;
    }

    /**
     * Java's server keeps 64 packets of streams that it has not come to, of which each has several, and resets
     * others: on a machine with other work, half of 64 streams at once.
     */
    private static void again(Attempt attempt) throws Exception {
        for (int left = 10; ; left--) {
            try {
                attempt.run();
                return;
            } catch (NoRouteToHostException e) {
                if (left == 0) {
                    throw e;
                }
                Thread.sleep(500);
            }
        }
    }

    private static String streams(I2PSocketManager m, Destination to, int n) throws Exception {
        CountDownLatch done = new CountDownLatch(n);
        AtomicInteger well = new AtomicInteger();
        for (int i = 0; i < n; i++) {
            int seed = i;
            new Thread(() -> {
                try {
                    again(() -> transfer(m, to, 50_000, seed));
                    well.incrementAndGet();
                } catch (Exception e) {
                    say("stream " + seed + ": " + e);
                }
                done.countDown();
            }).start();
        }
        if (!done.await(180, TimeUnit.SECONDS) || well.get() < n) {
            throw new IOException(well.get() + " of " + n + " streams went well");
        }
        return n + " streams at once of 50 kB each way";
    }

    private static String datagrams(I2PSession session, Destination to) throws Exception {
        Echo echo = new Echo(session, false);
        session.addMuxedSessionListener(echo, I2PSession.PROTO_DATAGRAM, 4);
        Set<String> back = new HashSet<>();
        int n = 100, sent = 0;
        I2PDatagramMaker maker = new I2PDatagramMaker(session);
        for (; sent < n; sent++) {
            byte[] d = maker.makeI2PDatagram(("datagram " + sent).getBytes());
            session.sendMessage(to, d, I2PSession.PROTO_DATAGRAM, 4, 5);
            Thread.sleep(5);
        }
        while (back.size() < n) {
            String d = echo.came.poll(5, TimeUnit.SECONDS);
            if (d == null) {
                break;
            }
            back.add(d);
        }
        session.removeListener(I2PSession.PROTO_DATAGRAM, 4);
        if (back.size() < n * 95 / 100) {
            throw new IOException("only " + back.size() + " of " + n + " came back");
        }
        return back.size() + " of " + n + " repliable ones came back";
    }

    private static String status(I2PSession session, Destination to) throws Exception {
        BlockingQueue<Integer> states = new LinkedBlockingQueue<>();
        SendMessageStatusListener listener = (s, id, state) -> states.add(state);
        byte[] b = "with status".getBytes();
        session.sendMessage(to, b, 0, b.length, I2PSession.PROTO_DATAGRAM_RAW, 1, 2, new SendMessageOptions(), listener);
        Integer state;
        do {
            state = states.poll(30, TimeUnit.SECONDS);
        } while (state != null && state == 1);
        if (state == null || state != 4) {
            throw new IOException("a message to one that is there has status " + state);
        }
        I2PClient client = I2PClientFactory.createClient();
        ByteArrayOutputStream keys = new ByteArrayOutputStream();
        Destination nobody = client.createDestination(keys, SigType.EdDSA_SHA512_Ed25519);
        session.sendMessage(nobody, b, 0, b.length, I2PSession.PROTO_DATAGRAM_RAW, 1, 2, new SendMessageOptions(), listener);
        do {
            state = states.poll(60, TimeUnit.SECONDS);
        } while (state != null && state == 1);
        if (state == null || state != 21) {
            throw new IOException("a message to nobody has status " + state);
        }
        return "success for one that is there, no lease set for nobody";
    }

    private String lookups(I2PSession session, Destination to) throws Exception {
        if (!to.equals(session.lookupDest(to.calculateHash(), 30_000))) {
            throw new IOException("not found by its hash");
        }
        if (session.lookupDest("nobody-has-this.i2p", 10_000) != null) {
            throw new IOException("a name that nobody has is found");
        }
        I2PClient client = I2PClientFactory.createClient();
        Properties o = new Properties();
        o.setProperty("i2cp.tcp.host", host);
        o.setProperty("i2cp.tcp.port", String.valueOf(port));
        for (String name : options.stringPropertyNames()) {
            if (name.startsWith("i2cp.username") || name.startsWith("i2cp.password") || name.equals("i2cp.SSL")) {
                o.setProperty(name, options.getProperty(name));
            }
        }
        I2PSession simple = new net.i2p.client.impl.I2PSimpleSession(I2PAppContext.getGlobalContext(), o);
        simple.connect();
        if (!to.equals(simple.lookupDest(to.calculateHash(), 60_000))) {
            throw new IOException("not found by its hash without a session");
        }
        simple.destroySession();
        return "by hash, in the session and without one";
    }

    private String subsession(I2PSocketManager m, Destination to) throws Exception {
        Properties own = (Properties) options.clone();
        own.setProperty("i2cp.destination.sigType", "DSA_SHA1"); // what it makes the keys of subsessions of
        I2PSession sub = m.addSubsession(null, own);
        sub.connect();
        String result = datagrams(sub, to);
        m.removeSubsession(sub);
        return "of a second session of the same connection " + result;
    }
}
