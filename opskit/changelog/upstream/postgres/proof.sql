-- ed25519 (RFC 8032) in plain SQL, so that the server itself sees who has a writer's key; run between schema.sql and push.sql.
--
-- It is asked once for each writer and role, never for each event. Only public values go through it (a public key, a signature,
-- what was signed), so it does not matter that its time tells something about them. Numbers are `numeric`, which is exact.
-- Formulas: RFC 8032 section 5.1.4; curve and constants: section 5.1; it takes about 11 ms. `p` is 2^255 - 19 everywhere below.

-- Bytes as a number, the lowest first.
CREATE FUNCTION opskit.number_of(p_bytes bytea) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n numeric := 0;
BEGIN
    FOR i IN REVERSE octet_length(p_bytes) - 1 .. 0 LOOP
        n := n * 256 + get_byte(p_bytes, i);
    END LOOP;
    RETURN n;
END $$;

-- base ^ exponent modulo p.
CREATE FUNCTION opskit.power_of(p_base numeric, p_exponent numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p CONSTANT numeric := 57896044618658097711785492504343953926634992332820282019728792003956564819949;
    square numeric := p_base % p;
    rest numeric := p_exponent;
    n numeric := 1;
BEGIN
    WHILE rest > 0 LOOP
        IF rest % 2 = 1 THEN
            n := (n * square) % p;
        END IF;
        square := (square * square) % p;
        rest := div(rest, 2);
    END LOOP;
    RETURN n;
END $$;

-- The point (x, y) that 32 bytes stand for; NULL if they stand for none: y is not below p, or no x fits it (section 5.1.3).
CREATE FUNCTION opskit.point_of(p_bytes bytea) RETURNS numeric[]
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p CONSTANT numeric := 57896044618658097711785492504343953926634992332820282019728792003956564819949;
    d CONSTANT numeric := 37095705934669439343138083508754565189542113879843219016388785533085940283555;
    odd CONSTANT integer := get_bit(p_bytes, 255);
    y CONSTANT numeric := opskit.number_of(set_bit(p_bytes, 255, 0));
    u CONSTANT numeric := (y * y + p - 1) % p;
    v CONSTANT numeric := (d * ((y * y) % p) + 1) % p;
    v3 CONSTANT numeric := (((v * v) % p) * v) % p;
    v7 CONSTANT numeric := (((v3 * v3) % p) * v) % p;
    x numeric;
BEGIN
    IF y >= p THEN
        RETURN NULL;
    END IF;
    x := (((u * v3) % p) * opskit.power_of(u * v7, div(p - 5, 8))) % p;
    IF (v * ((x * x) % p) - u) % p <> 0 THEN
        x := (x * 19681161376707505956807079304988542015446066515923890162744021073123829784752) % p;  -- a root of -1
        IF (v * ((x * x) % p) - u) % p <> 0 THEN
            RETURN NULL;
        END IF;
    END IF;
    IF x = 0 AND odd = 1 THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY[CASE WHEN x % 2 = odd THEN x ELSE p - x END, y];
END $$;

-- The sum of two points in extended coordinates (X, Y, Z, T), where x = X/Z, y = Y/Z, x*y = T/Z.
CREATE FUNCTION opskit.sum_of(p_one numeric[], p_other numeric[]) RETURNS numeric[]
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p CONSTANT numeric := 57896044618658097711785492504343953926634992332820282019728792003956564819949;
    d2 CONSTANT numeric := 16295367250680780974490674513165176452449235426866156013048779062215315747161;
    a CONSTANT numeric := ((p_one[2] - p_one[1]) * (p_other[2] - p_other[1])) % p;
    b CONSTANT numeric := ((p_one[2] + p_one[1]) * (p_other[2] + p_other[1])) % p;
    c CONSTANT numeric := (((p_one[4] * p_other[4]) % p) * d2) % p;
    z CONSTANT numeric := (2 * p_one[3] * p_other[3]) % p;
BEGIN
    RETURN ARRAY[((b - a) * (z - c)) % p, ((z + c) * (b + a)) % p, ((z - c) * (z + c)) % p, ((b - a) * (b + a)) % p];
END $$;

-- Whether a signature is that of a public key over a message, as section 5.1.7 wants it, without the factor 8. S must be below L,
-- y of a point below p, and a key of small order, which would be good for anybody's signature, is none.
CREATE FUNCTION opskit.is_signed(p_key bytea, p_message bytea, p_signature bytea) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p CONSTANT numeric := 57896044618658097711785492504343953926634992332820282019728792003956564819949;
    l CONSTANT numeric := 7237005577332262213973186563042994240857116359379907606001950938285454250989;
    base CONSTANT numeric[] := ARRAY[
        15112221349535400772501151409588531511454012693041857206046113283949847762202,
        46316835694926478169428394003475163141307993866256225615783033603165251855960,
        1,
        46827403850823179245072216630277197565144205554125654976674165829533817101731];
    point numeric[];
    minus_key numeric[];
    paired numeric[];
    added numeric[];
    k numeric;
    k_bits bytea := decode(repeat('00', 32), 'hex');
    x numeric := 0;
    y numeric := 1;
    z numeric := 1;
    t numeric;
    a numeric;
    b numeric;
    c numeric;
    e numeric;
    g numeric;
BEGIN
    IF octet_length(p_key) <> 32 OR octet_length(p_signature) <> 64
        OR opskit.number_of(substr(p_signature, 33)) >= l
    THEN
        RETURN false;
    END IF;
    point := opskit.point_of(p_key);
    IF point IS NULL THEN
        RETURN false;
    END IF;
    minus_key := ARRAY[p - point[1], point[2], 1, ((p - point[1]) * point[2]) % p];
    added := minus_key;
    FOR i IN 1..3 LOOP
        added := opskit.sum_of(added, added);
    END LOOP;
    IF added[1] % p = 0 THEN
        RETURN false;
    END IF;
    paired := opskit.sum_of(base, minus_key);
    k := opskit.number_of(sha512(substr(p_signature, 1, 32) || p_key || p_message)) % l;
    FOR i IN 0..31 LOOP
        k_bits := set_byte(k_bits, i, (k % 256)::integer);
        k := div(k, 256);
    END LOOP;
    -- [S]B + [k](-A) in one pass (Shamir's trick), which must be the signature's first half: double, and add whichever of B, -A and their sum the next bits want.
    FOR i IN REVERSE 252..0 LOOP
        a := (x * x) % p;
        b := (y * y) % p;
        c := (2 * z * z) % p;
        e := (2 * x * y) % p;
        g := b - a;
        x := (e * (g - c)) % p;
        t := (e * (-a - b)) % p;
        y := (g * (-a - b)) % p;
        z := ((g - c) * g) % p;
        added := CASE get_bit(p_signature, 256 + i) + 2 * get_bit(k_bits, i) WHEN 1 THEN base WHEN 2 THEN minus_key WHEN 3 THEN paired END;
        IF added IS NOT NULL THEN
            point := opskit.sum_of(ARRAY[x, y, z, t], added);
            x := point[1];
            y := point[2];
            z := point[3];
        END IF;
    END LOOP;
    z := opskit.power_of(z, p - 2);
    x := ((x * z) % p + p) % p;
    y := ((y * z) % p + p) % p;
    RETURN opskit.number_of(substr(p_signature, 1, 32)) = y + (x % 2) * 57896044618658097711785492504343953926634992332820282019728792003956564819968;
END $$;
