select l_returnflag, l_linestatus, sum(l_quantity) as quantity, sum(l_extendedprice * (1 - l_discount)) as net, avg(l_discount) as discount, count(*) as lines from lineitem where l_shipdate <= date '1998-12-01' - interval '60' day group by l_returnflag, l_linestatus order by l_returnflag, l_linestatus
----
select s.s_acctbal, s.s_name, n.n_name, p.p_partkey, p.p_mfgr
from part p, supplier s, partsupp ps, nation n, region r
where p.p_partkey = ps.ps_partkey and s.s_suppkey = ps.ps_suppkey and p.p_size = 30 and p.p_type like '%STEEL'
  and s.s_nationkey = n.n_nationkey and n.n_regionkey = r.r_regionkey and r.r_name = 'ASIA'
  and ps.ps_supplycost = (
    select min(x.ps_supplycost) from partsupp x, supplier y, nation z, region q
    where p.p_partkey = x.ps_partkey and y.s_suppkey = x.ps_suppkey and y.s_nationkey = z.n_nationkey
      and z.n_regionkey = q.r_regionkey and q.r_name = 'ASIA')
order by s.s_acctbal desc, n.n_name, s.s_name, p.p_partkey limit 100
----
select l_orderkey, sum(l_extendedprice * (1 - l_discount)) as revenue, o_orderdate, o_shippriority from customer, orders, lineitem where c_mktsegment = 'MACHINERY' and c_custkey = o_custkey and l_orderkey = o_orderkey and o_orderdate < date '1995-03-07' and l_shipdate > date '1995-03-07' group by l_orderkey, o_orderdate, o_shippriority order by revenue desc, o_orderdate limit 10
select o_orderpriority, count(*) as late from orders o where o_orderdate >= date '1994-01-01' and o_orderdate < date '1994-01-01' + interval '3' month and exists (select 1 from lineitem l where l.l_orderkey = o.o_orderkey and l.l_commitdate < l.l_receiptdate) group by o_orderpriority order by o_orderpriority
select n_name, sum(l_extendedprice * (1 - l_discount)) as revenue from customer join orders on c_custkey = o_custkey join lineitem on l_orderkey = o_orderkey join supplier on l_suppkey = s_suppkey and c_nationkey = s_nationkey join nation on s_nationkey = n_nationkey join region on n_regionkey = r_regionkey where r_name = 'EUROPE' and o_orderdate between date '1995-01-01' and date '1995-12-31' group by n_name order by revenue desc
select sum(l_extendedprice * l_discount) as saved from lineitem where l_shipdate >= date '1996-01-01' and l_shipdate < date '1996-01-01' + interval '1' year and l_discount between 0.05 - 0.01 and 0.05 + 0.01 and l_quantity < 25
----
select supp_nation, cust_nation, l_year, sum(volume) as revenue
from (
  select n1.n_name as supp_nation, n2.n_name as cust_nation, extract(year from l_shipdate) as l_year, l_extendedprice * (1 - l_discount) as volume
  from supplier, lineitem, orders, customer, nation n1, nation n2
  where s_suppkey = l_suppkey and o_orderkey = l_orderkey and c_custkey = o_custkey and s_nationkey = n1.n_nationkey and c_nationkey = n2.n_nationkey
    and ((n1.n_name = 'KENYA' and n2.n_name = 'PERU') or (n1.n_name = 'PERU' and n2.n_name = 'KENYA'))
) as shipping
group by supp_nation, cust_nation, l_year order by 1, 2, 3
----
----
select o_year, sum(case when nation = 'PERU' then volume else 0 end) / sum(volume) as share
from (
  select extract(year from o_orderdate) as o_year, l_extendedprice * (1 - l_discount) as volume, n2.n_name as nation
  from part, supplier, lineitem, orders, customer, nation n1, nation n2, region
  where p_partkey = l_partkey and s_suppkey = l_suppkey and l_orderkey = o_orderkey and o_custkey = c_custkey and c_nationkey = n1.n_nationkey
    and n1.n_regionkey = r_regionkey and r_name = 'AMERICA' and s_nationkey = n2.n_nationkey and p_type = 'SMALL BRUSHED TIN'
) as all_nations group by o_year order by o_year
----
select nation, o_year, sum(amount) as profit from (select n_name as nation, extract(year from o_orderdate) as o_year, l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity as amount from part, supplier, lineitem, partsupp, orders, nation where s_suppkey = l_suppkey and ps_suppkey = l_suppkey and ps_partkey = l_partkey and p_partkey = l_partkey and o_orderkey = l_orderkey and s_nationkey = n_nationkey and p_name like '%sky%') profit group by nation, o_year order by nation, o_year desc
select c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) as lost, c_acctbal, n_name from customer, orders, lineitem, nation where c_custkey = o_custkey and l_orderkey = o_orderkey and l_returnflag = 'R' and c_nationkey = n_nationkey group by c_custkey, c_name, c_acctbal, n_name order by lost desc limit 20
select ps_partkey, sum(ps_supplycost * ps_availqty) as stock from partsupp, supplier, nation where ps_suppkey = s_suppkey and s_nationkey = n_nationkey and n_name = 'JAPAN' group by ps_partkey having sum(ps_supplycost * ps_availqty) > (select sum(ps_supplycost * ps_availqty) * 0.0001 from partsupp, supplier, nation where ps_suppkey = s_suppkey and s_nationkey = n_nationkey and n_name = 'JAPAN') order by stock desc
select l_shipmode, sum(case when o_orderpriority in ('1-URGENT', '2-HIGH') then 1 else 0 end) as urgent, sum(case when o_orderpriority not in ('1-URGENT', '2-HIGH') then 1 else 0 end) as other from orders, lineitem where o_orderkey = l_orderkey and l_shipmode in ('AIR', 'RAIL') and l_commitdate < l_receiptdate and l_shipdate < l_commitdate group by l_shipmode order by l_shipmode
select c_count, count(*) as customers from (select c_custkey, count(o_orderkey) from customer left outer join orders on c_custkey = o_custkey and o_comment not like '%express%requests%' group by c_custkey) as c_orders (c_custkey, c_count) group by c_count order by customers desc, c_count desc
select 100.00 * sum(case when p_type like 'PROMO%' then l_extendedprice * (1 - l_discount) else 0 end) / sum(l_extendedprice * (1 - l_discount)) as promo from lineitem, part where l_partkey = p_partkey and l_shipdate >= date '1995-09-01' and l_shipdate < date '1995-09-01' + interval '1' month
with revenue (supplier_no, total_revenue) as (select l_suppkey, sum(l_extendedprice * (1 - l_discount)) from lineitem where l_shipdate >= date '1996-01-01' group by l_suppkey) select s_suppkey, s_name, total_revenue from supplier, revenue where s_suppkey = supplier_no and total_revenue = (select max(total_revenue) from revenue) order by s_suppkey
select p_brand, p_type, p_size, count(distinct ps_suppkey) as suppliers from partsupp, part where p_partkey = ps_partkey and p_brand <> 'Brand#12' and p_type not like 'MEDIUM%' and p_size in (3, 7, 19) and ps_suppkey not in (select s_suppkey from supplier where s_comment like '%Complaints%') group by p_brand, p_type, p_size order by suppliers desc
select sum(l_extendedprice) / 7.0 as yearly from lineitem, part where p_partkey = l_partkey and p_container = 'JUMBO BAG' and l_quantity < (select 0.2 * avg(l_quantity) from lineitem where l_partkey = p_partkey)
select c_name, c_custkey, o_orderkey, o_totalprice, sum(l_quantity) from customer, orders, lineitem where o_orderkey in (select l_orderkey from lineitem group by l_orderkey having sum(l_quantity) > 312) and c_custkey = o_custkey and o_orderkey = l_orderkey group by c_name, c_custkey, o_orderkey, o_totalprice order by o_totalprice desc limit 100
select sum(l_extendedprice * (1 - l_discount)) as revenue from lineitem, part where (p_partkey = l_partkey and p_brand = 'Brand#21' and p_container in ('SM CASE', 'SM BOX') and l_quantity between 1 and 11 and l_shipmode in ('AIR', 'REG AIR')) or (p_partkey = l_partkey and p_brand = 'Brand#33' and p_size between 1 and 10)
select s_name, s_address from supplier, nation where s_suppkey in (select ps_suppkey from partsupp where ps_partkey in (select p_partkey from part where p_name like 'green%') and ps_availqty > (select 0.5 * sum(l_quantity) from lineitem where l_partkey = ps_partkey and l_suppkey = ps_suppkey)) and s_nationkey = n_nationkey and n_name = 'EGYPT' order by s_name
select s_name, count(*) as waits from supplier, lineitem l1, orders, nation where s_suppkey = l1.l_suppkey and o_orderkey = l1.l_orderkey and exists (select * from lineitem l2 where l2.l_orderkey = l1.l_orderkey and l2.l_suppkey <> l1.l_suppkey) and not exists (select * from lineitem l3 where l3.l_orderkey = l1.l_orderkey and l3.l_receiptdate > l3.l_commitdate) and s_nationkey = n_nationkey group by s_name order by waits desc, s_name limit 100
select code, count(*) as customers, sum(c_acctbal) as balance from (select substring(c_phone from 1 for 2) as code, c_acctbal from customer where substring(c_phone from 1 for 2) in ('12', '29') and c_acctbal > (select avg(c_acctbal) from customer where c_acctbal > 0.00) and not exists (select * from orders where o_custkey = c_custkey)) as sale group by code order by code
create view top_supplier (supplier_no, total_revenue) as select l_suppkey, sum(l_extendedprice * (1 - l_discount)) from lineitem group by l_suppkey
insert into orders select o_orderkey + 1, o_custkey from orders where o_orderkey < 10
delete from lineitem where l_orderkey in (select o_orderkey from orders where o_orderdate < date '1992-01-01')
