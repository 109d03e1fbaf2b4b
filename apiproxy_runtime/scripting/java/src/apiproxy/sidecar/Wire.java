package apiproxy.sidecar;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * How values cross to the host and back: a letter, then the value.
 *
 * <pre>
 * N null   T true   F false   I int   J long   D double   S text   B bytes   L list
 * M        a message, by the name of its variable
 * O        an object that stays here: its number, and the text it prints as
 * X        (to here only) the transaction is over
 * </pre>
 *
 * Numbers are big-endian, texts UTF-8 behind their length in bytes; -1 stands for null.
 */
final class Wire {
    /** Objects that flow variables hold, until the host forgets them. */
    static final Map<Integer, Object> OBJECTS = new ConcurrentHashMap<>();

    private static final AtomicInteger NUMBERS = new AtomicInteger();

    private Wire() {}

    static String readText(DataInputStream in) throws IOException {
        int length = in.readInt();
        if (length < 0) {
            return null;
        }
        byte[] bytes = new byte[length];
        in.readFully(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    static void writeText(DataOutputStream out, String text) throws IOException {
        if (text == null) {
            out.writeInt(-1);
            return;
        }
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    static Map<String, String> readTexts(DataInputStream in) throws IOException {
        Map<String, String> texts = new LinkedHashMap<>();
        for (int count = in.readInt(); count > 0; count--) {
            texts.put(readText(in), readText(in));
        }
        return texts;
    }

    static void writeTexts(DataOutputStream out, Map<String, String> texts) throws IOException {
        out.writeInt(texts.size());
        for (Map.Entry<String, String> entry : texts.entrySet()) {
            writeText(out, entry.getKey());
            writeText(out, entry.getValue());
        }
    }

    /** Reads a value; messages become messages of the call, which are read when asked. */
    static Object read(DataInputStream in, Call call) throws IOException {
        switch (in.readByte()) {
            case 'N':
                return null;
            case 'T':
                return Boolean.TRUE;
            case 'F':
                return Boolean.FALSE;
            case 'I':
                return in.readInt();
            case 'J':
                return in.readLong();
            case 'D':
                return in.readDouble();
            case 'S':
                return readText(in);
            case 'B':
                byte[] bytes = new byte[in.readInt()];
                in.readFully(bytes);
                return bytes;
            case 'L':
                int count = in.readInt();
                List<Object> items = new ArrayList<>(count);
                while (items.size() < count) {
                    items.add(read(in, call));
                }
                return items;
            case 'M':
                return new NamedMessage(call, readText(in));
            case 'O':
                return OBJECTS.get(in.readInt());
            default:
                throw new IllegalStateException("the transaction is over");
        }
    }

    static void write(DataOutputStream out, Object value) throws IOException {
        if (value == null) {
            out.writeByte('N');
        } else if (value instanceof String || value instanceof Character) {
            out.writeByte('S');
            writeText(out, value.toString());
        } else if (value instanceof Boolean) {
            out.writeByte((Boolean) value ? 'T' : 'F');
        } else if (value instanceof Integer || value instanceof Short || value instanceof Byte) {
            out.writeByte('I');
            out.writeInt(((Number) value).intValue());
        } else if (value instanceof Long) {
            out.writeByte('J');
            out.writeLong((Long) value);
        } else if (value instanceof Double || value instanceof Float) {
            out.writeByte('D');
            out.writeDouble(((Number) value).doubleValue());
        } else if (value instanceof byte[]) {
            out.writeByte('B');
            out.writeInt(((byte[]) value).length);
            out.write((byte[]) value);
        } else if (value instanceof NamedMessage) {
            out.writeByte('M');
            writeText(out, ((NamedMessage) value).name());
        } else if (isPlainList(value)) {
            List<?> items = (List<?>) value;
            out.writeByte('L');
            out.writeInt(items.size());
            for (Object item : items) {
                write(out, item);
            }
        } else {
            int number = NUMBERS.incrementAndGet();
            OBJECTS.put(number, value);
            out.writeByte('O');
            out.writeInt(number);
            writeText(out, printed(value));
        }
    }

    private static boolean isPlainList(Object value) {
        // other lists may be more than their items to the code that made them
        if (!(value instanceof ArrayList || value.getClass() == Arrays.asList().getClass())) {
            return false;
        }
        for (Object item : (List<?>) value) {
            if (!(item instanceof String || item instanceof Number || item instanceof Boolean)) {
                return false;
            }
        }
        return true;
    }

    private static String printed(Object value) {
        try {
            return String.valueOf(value);
        } catch (RuntimeException | StackOverflowError failure) {
            return value.getClass().getName();
        }
    }

    static byte[] readAll(InputStream in) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        byte[] buffer = new byte[8192];
        for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
            out.write(buffer, 0, count);
        }
        return out.toByteArray();
    }
}
